"""Releases on Lambda prove themselves, or leave by themselves, through the real command line."""

import pytest

from tests.end_to_end.deployments import Deployment
from tests.end_to_end.people import operator
from tests.end_to_end.rights import assert_used
from tests.end_to_end.rollouts import ON_LAMBDA, Rollout

pytestmark = pytest.mark.end_to_end


def test_releases_on_lambda_prove_themselves_or_leave_by_themselves(deployment: Deployment) -> None:
    rollout = Rollout(deployment, "lambda")
    first = rollout.deploy()
    assert (rollout.status()["stable"], rollout.status()["phase"]) == (first, "STEADY")
    rollout.person = operator(deployment)
    good = rollout.proves_itself(first)
    for way in ON_LAMBDA:
        rollout.leaves_by_itself(way, good)
    rollout.stop_controller()
    rollout.person.run(
        "release", "rollback", "handbook", "--release", good, "--why", "an operator's right to"
    )
    rollout.until_only(first)
    assert "people-operator" in rollout.history()[0]["by"]
    assert_used(deployment, __file__)
