"""Releases prove themselves, or leave by themselves, through the real command line, on both hosts."""

import pytest

from agent_runtime.rollout.record import Phase
from tests.end_to_end.deployments import Deployment
from tests.end_to_end.rollouts import STEPS, Rollout

pytestmark = [pytest.mark.end_to_end, pytest.mark.xdist_group("rollouts")]

SPOILT = {
    "wrong": '    run.score("grounding", 0.0); return {"answer": "no", "citations": []}\n',
    "slow": "    __import__('time').sleep(2)\n",
    "costly": "    question += ' word' * 6000\n",
    "failing": "    raise ValueError\n",
}
"""A line in the agent for each way of being worse."""


@pytest.mark.parametrize(("host", "ways"), [("lambda", SPOILT), ("ecs", ["wrong", "failing"])])
def test_releases_prove_themselves_or_leave_by_themselves(
    deployment: Deployment, host: str, ways: list[str]
) -> None:
    rollout = Rollout(deployment, host)
    first = rollout.deploy()
    assert (rollout.status()["stable"], rollout.status()["phase"]) == (first, "STEADY")

    good = rollout.deploy("    pass\n", passing=False)
    rollout.call_controller()
    assert set(rollout.ask(40)) == {first}, "no run without evidence, whoever asks"
    refused = deployment.run("release", "promote", "handbook", "--why", "in a hurry", ok=False)
    assert f"no evidence for {good}" in refused
    rollout.add_evidence(good, grounding=0.5)
    rollout.call_controller()
    assert rollout.status()["candidate_runs"]["runs"] == 0
    rollout.add_evidence(good)
    wanted = ("--metric", "errors", "--share", "40", "--minimum-runs", "3")
    deployment.run("release", "experiment", "handbook", *wanted, "--why", "to compare")
    compared = rollout.until(lambda record: record.held is not None)
    assert (compared.candidate_basis_points, "errors: 0 of" in (compared.held or "")) == (0, True)
    deployment.run("release", "resume", "handbook", "--why", "no difference")
    rollout.until(lambda record: record.stable == good)
    moves = [(entry["what"], entry["record"]["shares"].get(good, 0)) for entry in reversed(rollout.history())]
    canary = [("advance", percent * 100) for percent in STEPS]
    others = [("begin", 0), ("experiment", 4_000), ("conclude", 0), ("resume", 0), ("shadow", 0)]
    assert moves[:10] == [*others, *canary, ("promote", 10_000)]
    assert set(rollout.ask(20)) == {good}

    rollout.configure(shadow=None)  # it would find out what is wrong before any caller
    for name in ways:
        rollout.until(lambda record: record.phase is Phase.STEADY)
        bad = rollout.deploy(SPOILT[name])
        rollout.until(lambda record, bad=bad: bad in record.rejected)
        newest = rollout.history()[0]
        assert newest["what"] == "go back", (name, newest)
        rollout.until_only(good)
        rollout.call_controller()
        assert rollout.record().candidate is None, "it cannot come back without new evidence"
