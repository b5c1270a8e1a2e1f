"""Caps that stop a run are on the audit trail: once for each run and cap, whoever tries it again."""

from typing import Any

import pytest

from agent_runtime.approvals import Approvals, Decision
from agent_runtime.checkpoint_table import CheckpointTable
from agent_runtime.errors import CapReached, Suspended
from agent_runtime.run import Run
from agent_runtime.spend.noting import CapNotes
from tests.runtime.audit_world import Told
from tests.runtime.durable import Durable
from tests.runtime.faulty import FaultyClient
from tests.runtime.pretended import TABLE


@pytest.fixture
def trail() -> Told:
    return Told()


@pytest.fixture
def spending(durable: Durable, trail: Told) -> Any:
    """Gives each worker of the run a ledger with these caps, and the trail."""

    def with_caps(**caps: Any) -> Durable:
        durable.extras = {"ledger": durable.aws.ledger(caps), "audit": trail}
        return durable

    return with_caps


def chat(run: Run) -> dict[str, Any]:
    for n in range(3):  # the most that its manifest allows
        run.model(messages=[{"role": "user", "content": "x"}], name=f"ask-{n}")
    return {}


def caps_of(trail: Told) -> list[tuple[str, str]]:
    return [(entry["scope"], entry["cap"]) for entry in trail.entries if entry["kind"] == "cap-reached"]


@pytest.mark.parametrize("scope", ["agent", "tenant"])
@pytest.mark.parametrize("window", ["hour", "day", "month"])
def test_a_cap_of_a_window_is_noted_once_and_anew_in_the_next(
    spending: Any, trail: Told, scope: str, window: str
) -> None:
    durable = spending(**{scope: {f"{window}_usd": 0.0105}})
    durable.aws.clock.now = 1_800_000_000  # 08:00 on the 15th of January 2027
    for _ in range(3):
        assert isinstance(durable.work(chat).error, CapReached)
    assert caps_of(trail) == [(scope, window)]
    (entry,) = trail.entries
    assert (entry["run_id"], entry["tenant"]) == (durable.run_id, "acme")
    assert f"the {scope}'s cap of this {window}" in entry["reason"]
    durable.aws.clock.now += {"hour": 3_600, "day": 86_400, "month": 17 * 86_400}[window]
    while isinstance(durable.work(chat).error, CapReached) and len(caps_of(trail)) < 2:
        durable.aws.clock.now += 1
    assert caps_of(trail) in ([(scope, window)], [(scope, window)] * 2), "if it was reached there, too"


def test_a_runs_own_cap_is_noted_once_for_each_time_that_people_raised_it(spending: Any, trail: Told) -> None:
    durable = spending(run={"model_calls": 1})
    for raised in range(2):
        for _ in range(2):
            stopped = durable.work(chat).error
            assert isinstance(stopped, Suspended)
        assert caps_of(trail) == [("run", "model_calls")] * (raised + 1)
        assert stopped.asked is not None
        pk = durable.store.heads.pk("acme", durable.run_id)
        Approvals(durable.store.table, durable.aws.clock).decide(
            pk, stopped.asked, Decision("approve", "ann")
        )
    assert durable.work(chat).output == {}
    assert len(caps_of(trail)) == 2


def test_a_run_that_finds_room_notes_nothing(spending: Any, trail: Told) -> None:
    assert spending(run={"usd": 5.0}, agent={"day_usd": 5.0}).work(chat).output == {}
    assert trail.entries == []


def test_a_mark_whose_answer_was_lost_is_one_entry_and_without_a_mark_there_is_one(
    durable: Durable, trail: Told
) -> None:
    run, client = durable.take(), FaultyClient(durable.aws.dynamodb)
    table = CheckpointTable(client, TABLE)
    client.lost["put_item"] = 1
    for _ in range(2):
        notes = CapNotes(table, trail, run.lease, durable.run_id, "acme", durable.aws.clock)
        notes("agent", "day", "it is used up")
    assert caps_of(trail) == [("agent", "day")]
    nowhere = CheckpointTable(durable.aws.dynamodb, "nowhere")
    CapNotes(nowhere, trail, run.lease, durable.run_id, "acme", durable.aws.clock)("tenant", "day", "full")
    assert caps_of(trail) == [("agent", "day"), ("tenant", "day")]
