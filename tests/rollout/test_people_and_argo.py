"""Where Argo Rollouts moves the traffic, people move it with its own commands, and not with ours."""

from collections.abc import Callable
from typing import Any

import pytest

from agent_hosting_cli.deployed import Deployed
from agent_hosting_cli.project import UserError
from agent_hosting_cli.rollouts import Rollouts
from agent_runtime.rollout.experiments import Experiment
from agent_runtime.rollout.plan import Place
from agent_runtime.rollout.store import RolloutStore
from tests.rollout.samples import AGENT, A, B, canary, plan
from tests.rollout.tables import Table
from tests.rollout.test_operators import Nobody
from tests.runtime.pretended import CONTROL

PLACE = Place(cluster_name="pods", endpoint="", certificate_authority="", namespace="agents", name="answers")
MOVES: dict[str, Callable[[Rollouts], Any]] = {
    "promote": lambda rollouts: rollouts.promote("it is good"),
    "hold": lambda rollouts: rollouts.hold("wait"),
    "resume": lambda rollouts: rollouts.resume("go on"),
    "rollback": lambda rollouts: rollouts.rollback("it is wrong"),
    "experiment": lambda rollouts: rollouts.experiment(Experiment("errors", 5_000, 100, 60_000), "compare"),
    "sent_back": lambda rollouts: rollouts.sent_back("it is wrong"),
}


@pytest.fixture
def rollouts(table: Table) -> Rollouts:
    """Of an agent whose candidate Argo gives 5 %."""
    table.fill(canary(), plan(host="eks", argo_rollout=PLACE))
    clients = {"dynamodb": table.client}
    outputs = {"control_table_name": CONTROL}
    return Rollouts(Deployed(AGENT, outputs, lambda service: clients.get(service, Nobody())))


@pytest.mark.parametrize("move", MOVES)
def test_a_move_is_refused_with_the_command_that_does_it(rollouts: Rollouts, table: Table, move: str) -> None:
    before = RolloutStore(table.client, CONTROL).read(AGENT).record
    command = r"kubectl argo rollouts promote\|abort\|pause answers -n agents$"
    with pytest.raises(UserError, match=rf"^Argo Rollouts moves the traffic of {AGENT}: {command}"):
        MOVES[move](rollouts)
    assert RolloutStore(table.client, CONTROL).read(AGENT).record == before


def test_what_argo_does_is_shown_as_any_rollout_is(rollouts: Rollouts) -> None:
    shown = rollouts.status()
    assert (shown["host"], shown["shares"], shown["candidate"]) == ("eks", {A: 95.0, B: 5.0}, B)
    assert shown["next"] == {
        "action": "hold",
        "reason": "Argo Rollouts moves the traffic: kubectl argo rollouts get rollout answers -n agents",
    }
