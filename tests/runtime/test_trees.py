"""Runs that other agents begin share what the run at the root of their tree may spend."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from agent_runtime.approvals import Approvals, Decision
from agent_runtime.checkpoint_table import CheckpointTable
from agent_runtime.errors import (
    Braked,
    CapDenied,
    CapReached,
    LeaseLost,
    ParentRefused,
    ShareUnavailable,
    Suspended,
)
from agent_runtime.outside import IS_AS_READ, end_from_outside
from agent_runtime.people import cancel
from agent_runtime.records import Lease, RunStatus, Usage
from agent_runtime.run import Run
from agent_runtime.spend.caps import SpendCaps, nanos
from agent_runtime.spend.ledger import Ledger
from agent_runtime.spend.pots import UNBOUNDED, PotReference, Pots
from agent_runtime.spend.room import check_parent
from agent_runtime.stopping import resume, stop
from tests.runtime.doors import Door
from tests.runtime.durable import Durable, Killed
from tests.runtime.faulty import FaultyClient
from tests.runtime.lambdas import Api
from tests.runtime.pretended import CONTROL, TABLE, Aws

PLAN = [{"role": "user", "content": "x"}]


def pots(aws: Aws, agent: str = "answers", client: Any = None) -> Pots:
    return Pots(CheckpointTable(client or aws.dynamodb, CONTROL), agent)


def pot(aws: Aws, reference: str) -> dict[str, Any]:
    """The pot, amounts in millionths of a dollar."""
    found = PotReference.read(reference)
    assert found is not None
    item = CheckpointTable(aws.dynamodb, CONTROL).get(found.key) or {}
    return {**item, **{name: item[name] // 1000 for name in ("left", "spent") if name in item}}


def child(aws: Aws, reference: str, *, agent: str = "writer", client: Any = None) -> Callable[..., Any]:
    """Reserves for a run of another agent, which was begun at the expense of this tree."""
    table = CheckpointTable(client or aws.dynamodb, TABLE)
    caps = SpendCaps.model_validate({"roots": ["answers"]})
    ledger = Ledger(table, agent, caps, clock=aws.clock, monotonic=aws.clock, sleep=lambda _: None)
    lease = Lease(f"{agent}#acme#r2", "p", 1, "b", 2_000_000_000)
    found = PotReference.read(reference)
    assert found is not None
    account = pots(aws, agent, client).account(found, lease.expires_at, is_root=False)

    def reserve(cost_usd: float) -> Any:
        hold = ledger.reserve(lease, "acme", cost_usd, 30, None, account)
        return lambda actual: ledger.settle(hold, Usage(1, 1, actual, 1), "b1")  # type: ignore[arg-type]

    reserve.ledger = ledger  # type: ignore[attr-defined]
    return reserve


@pytest.fixture
def sharing(durable: Durable, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Gives each worker of the run a ledger with these caps, and its store the pots."""

    def with_caps(**caps: Any) -> Durable:
        monkeypatch.setattr(durable.store.leased, "pots", pots(durable.aws))
        durable.extras["ledger"] = durable.aws.ledger(caps)
        return durable

    return with_caps


def sharer(found: list[str], calls_after: int = 0) -> Callable[[Run], dict[str, Any]]:
    def agent(run: Run) -> dict[str, Any]:
        run.model(messages=PLAN, name="plan")  # type: ignore[arg-type]
        found.append(run.share())
        for n in range(calls_after):
            run.model(messages=PLAN, name=f"ask-{n}")  # type: ignore[arg-type]
        return {}

    return agent


def test_a_pot_begins_with_what_the_run_has_left(sharing: Any) -> None:
    durable, found = sharing(run={"usd": 1.0}), []
    worked = durable.work(sharer(found))
    spent = round(worked.run.progress.usage.cost_usd * 1e6)
    assert pot(durable.aws, found[0])["left"] == 1_000_000 - spent


def test_the_root_and_those_below_spend_from_one_pot(sharing: Any) -> None:
    durable, found = sharing(run={"usd": 1.0}), []
    worked = durable.work(sharer(found, calls_after=1))
    before = pot(durable.aws, found[0])
    own = round(worked.run.progress.usage.cost_usd * 1e6)
    assert before["left"] == 1_000_000 - own
    child(durable.aws, found[0])(0.3)(0.2)
    after = pot(durable.aws, found[0])
    assert (before["left"] - after["left"], after["spent"] - before["spent"]) == (200_000, 200_000)
    item = durable.aws.dynamodb.get_item(
        TableName=TABLE, Key={"pk": {"S": "writer#spend"}, "sk": {"S": "2027-01-15"}}
    )["Item"]
    assert int(item["day"]["N"]) == nanos(0.2), "its own agent's caps hold too"


def test_a_call_that_the_tree_cannot_pay_moves_nothing(sharing: Any) -> None:
    durable, found = sharing(run={"usd": 1.0}), []
    durable.work(sharer(found))
    before = pot(durable.aws, found[0])
    with pytest.raises(CapReached) as refused:
        child(durable.aws, found[0])(1.0)
    assert refused.value.scope == "tree"
    assert pot(durable.aws, found[0]) == before


def test_a_resumed_root_shares_the_same_pot(sharing: Any) -> None:
    durable, found = sharing(run={"usd": 1.0}), []
    durable.work(sharer(found))
    worked = durable.work(sharer(found, calls_after=1))
    assert len(set(found)) == 1
    spent = round(worked.run.progress.usage.cost_usd * 1e6)
    assert pot(durable.aws, found[0])["spent"] == spent
    assert (
        pot(durable.aws, found[0])["spent"] == round(durable.take().progress.usage.cost_usd * 1e6)
        or pot(durable.aws, found[0])["spent"] > 0
    )


def test_a_run_without_a_cap_shares_a_pot_without_one(sharing: Any) -> None:
    durable, found = sharing(), []
    durable.work(sharer(found))
    assert pot(durable.aws, found[0])["left"] == UNBOUNDED // 1000
    child(durable.aws, found[0])(5.0)(5.0)


def test_nothing_is_shared_without_a_ledger(durable: Durable) -> None:
    assert isinstance(durable.work(sharer([])).error, ShareUnavailable)


def test_a_run_that_ended_has_closed_its_pot_and_those_below_end(sharing: Any) -> None:
    durable, found = sharing(run={"usd": 1.0}), []
    worked = durable.work(sharer(found))
    reserve = child(durable.aws, found[0])
    settle = reserve(0.1)
    durable.store.leased.finish(worked.run.lease, RunStatus.DONE, output={})
    with pytest.raises(CapDenied):
        reserve(0.1)
    settle(0.05)
    assert pot(durable.aws, found[0])["state"] == "CLOSED"


@pytest.mark.parametrize("how", ["cancelled", "by its reaper", "found ended"])
def test_whoever_ends_a_run_closes_its_pot(sharing: Any, how: str) -> None:
    durable, found = sharing(run={"usd": 1.0}), []
    worked = durable.work(sharer(found))
    store = durable.store
    head = store.find_head("acme", durable.run_id)
    assert head is not None
    if how == "cancelled":
        cancel(store, "acme", durable.run_id)
    elif how == "by its reaper":
        end_from_outside(store, head, RunStatus.DEAD, "its worker died", while_same=IS_AS_READ)
    else:
        pots_of_store, store.leased.pots = store.leased.pots, None  # type: ignore[misc]  its process dies before the close
        store.leased.finish(worked.run.lease, RunStatus.DONE, output={})
        store.leased.pots = pots_of_store  # type: ignore[misc]
        bundle_id = durable.bundle.bundle_id
        store.take_run(run_id=durable.run_id, tenant="acme", bundle_id=bundle_id, lease_seconds=9)
    assert pot(durable.aws, found[0])["state"] == "CLOSED"


def test_a_run_that_only_failed_for_now_leaves_its_pot_open(sharing: Any) -> None:
    durable, found = sharing(run={"usd": 1.0}), []
    worked = durable.work(sharer(found))
    durable.store.leased.finish(worked.run.lease, RunStatus.PARKED, output=None, error="busy")
    child(durable.aws, found[0])(0.1)
    assert pot(durable.aws, found[0])["state"] == "OPEN"


def _stopped(durable: Durable) -> None:
    stop(durable.store, "acme", durable.run_id, by="ann", why="it runs in circles")


def test_no_run_below_spends_while_a_person_has_stopped_the_root(sharing: Any) -> None:
    durable, found = sharing(run={"usd": 1.0}), []
    durable.work(sharer(found))
    reserve = child(durable.aws, found[0])
    settle = reserve(0.1)
    _stopped(durable)
    before = pot(durable.aws, found[0])
    with pytest.raises(Braked, match="has stopped the run at the root of its tree"):
        reserve(0.1)
    assert pot(durable.aws, found[0]) == before
    settle(0.05)
    assert pot(durable.aws, found[0])["spent"] == before["spent"] - 50_000, "what was under way counts"


def test_they_go_on_once_a_worker_has_taken_the_root_that_was_resumed(sharing: Any) -> None:
    durable, found = sharing(run={"usd": 1.0}), []
    durable.work(sharer(found))
    _stopped(durable)
    resume(durable.store, "acme", durable.run_id, by="bea", why="it was the tool")
    with pytest.raises(Braked):
        child(durable.aws, found[0])(0.1)
    durable.work(sharer(found))
    child(durable.aws, found[0])(0.1)
    assert pot(durable.aws, found[0])["state"] == "OPEN"
    _stopped(durable)
    assert pot(durable.aws, found[0])["state"] == "HELD", "and stops as often as it is stopped"


def test_a_worker_from_before_the_stop_opens_nothing(sharing: Any) -> None:
    durable, found = sharing(run={"usd": 1.0}), []
    durable.work(sharer(found))
    zombie = durable.take()
    _stopped(durable)
    with pytest.raises(LeaseLost):
        durable.work(sharer(found, calls_after=1), zombie)
    assert pot(durable.aws, found[0])["state"] == "HELD"


def test_a_stop_that_died_before_it_held_the_pot_is_ended_by_the_next(sharing: Any) -> None:
    durable, found = sharing(run={"usd": 1.0}), []
    durable.work(sharer(found))
    store, kept = durable.store, durable.store.leased.pots
    store.leased.pots = None  # type: ignore[misc]  its process dies before
    _stopped(durable)
    store.leased.pots = kept  # type: ignore[misc]
    assert pot(durable.aws, found[0])["state"] == "OPEN"
    _stopped(durable)
    assert pot(durable.aws, found[0])["state"] == "HELD"


@pytest.mark.parametrize("again", [False, True])
def test_a_pot_that_was_closed_is_not_held_and_one_that_is_held_is_closed(sharing: Any, again: bool) -> None:
    durable, found = sharing(run={"usd": 1.0}), []
    durable.work(sharer(found))
    _stopped(durable)
    cancel(durable.store, "acme", durable.run_id)
    if again:
        reference = PotReference.read(found[0])
        assert reference is not None
        pots(durable.aws).hold(reference, 1_000)
    assert pot(durable.aws, found[0])["state"] == "CLOSED"
    with pytest.raises(CapDenied):
        child(durable.aws, found[0])(0.1)


def test_a_worker_that_lost_its_run_closes_nothing(sharing: Any) -> None:
    durable, found = sharing(run={"usd": 1.0}), []
    first = durable.work(sharer(found))
    durable.take()
    with pytest.raises(LeaseLost):
        durable.store.leased.finish(first.run.lease, RunStatus.DONE, output={})
    assert pot(durable.aws, found[0])["state"] == "OPEN"


def test_any_run_of_the_tree_asks_a_person_and_each_yes_fills_the_pot_once(sharing: Any) -> None:
    durable, found = sharing(run={"usd": 0.0105}), []  # for some calls, not for all
    stopped = durable.work(sharer(found, calls_after=2))
    assert isinstance(stopped.error, Suspended)
    assert stopped.error.asked is not None
    pk = durable.store.heads.pk("acme", durable.run_id)
    Approvals(durable.store.table, durable.aws.clock).decide(
        pk, stopped.error.asked, Decision("approve", "ann")
    )
    left = pot(durable.aws, found[0])["left"]
    worked = durable.work(sharer(found, calls_after=2))
    assert worked.output == {}
    after = pot(durable.aws, found[0])
    assert after["raised"] == 1
    assert left < after["left"] < left + 10_500
    reference = PotReference.read(found[0])
    assert reference is not None
    pots(durable.aws).raise_cap(reference, 0)  # another run's answer to the same question
    assert pot(durable.aws, found[0]) == after


def test_a_pot_holds_what_people_have_allowed_to_an_earlier_worker_of_the_run(sharing: Any) -> None:
    durable, found = sharing(run={"usd": 0.0105}), []

    def agent(run: Run) -> dict[str, Any]:
        for n in range(3):
            run.model(messages=PLAN, name=f"ask-{n}")  # type: ignore[arg-type]
        if not found:
            found.append("")
            raise Killed  # before it shares
        found.append(run.share())
        return {}

    stopped = durable.work(agent)
    assert isinstance(stopped.error, Suspended)
    assert stopped.error.asked is not None
    pk = durable.store.heads.pk("acme", durable.run_id)
    Approvals(durable.store.table, durable.aws.clock).decide(
        pk, stopped.error.asked, Decision("approve", "ann")
    )
    durable.work(agent)
    worked = durable.work(agent)
    assert worked.output == {}
    spent = round(worked.run.progress.usage.cost_usd * 1e6)
    assert pot(durable.aws, found[-1])["left"] == 21_000 - spent


def test_a_child_hands_on_what_it_was_given(sharing: Any) -> None:
    durable = sharing(run={"usd": 1.0})
    given = pots(durable.aws).open("r0", nanos(1.0), 0, 2_000_000_000).text
    found: list[str] = []
    store = durable.store
    store.submit(
        run_id=durable.run_id, tenant="acme", input={}, bundle_id=durable.bundle.bundle_id, parent=given
    )
    worked = durable.work(sharer(found, calls_after=1))
    assert worked.output == {}
    assert found == [given]
    assert pot(durable.aws, given)["spent"] == round(worked.run.progress.usage.cost_usd * 1e6)


@pytest.mark.parametrize("lost", [1, 2])
def test_lost_answers_move_a_pot_once(sharing: Any, lost: int) -> None:
    durable, found = sharing(run={"usd": 1.0}), []
    durable.work(sharer(found))
    before = pot(durable.aws, found[0])["spent"]
    client = FaultyClient(durable.aws.dynamodb)
    client.lost["transact_write_items"] = lost
    child(durable.aws, found[0], client=client)(0.3)(0.2)
    assert pot(durable.aws, found[0])["spent"] - before == 200_000


def test_a_pot_that_the_agent_may_not_move_any_more_stops_none_of_its_other_runs(sharing: Any) -> None:
    """Its root was removed from `spend.roots`, and with it the right to the pot."""
    durable, found = sharing(run={"usd": 1.0}), []
    durable.work(sharer(found))
    client = FaultyClient(durable.aws.dynamodb)
    reserve: Any = child(durable.aws, found[0], client=client)
    reserve(0.3)
    kept = pot(durable.aws, found[0])

    def refuse(request: dict[str, Any]) -> None:
        if any("control" in part["TableName"] for item in request["TransactItems"] for part in item.values()):
            raise ClientError({"Error": {"Code": "AccessDeniedException"}}, "TransactWriteItems")

    client.before["transact_write_items"] = refuse
    durable.aws.clock.now += 300
    other = Lease("writer#acme#r3", "p", 1, "b", 2_000_000_000)
    assert reserve.ledger.reserve(other, "acme", 0.1, 30) is not None
    assert reserve.ledger._table.due("writer#spend", int(durable.aws.clock.now * 1000), 9) == []
    assert pot(durable.aws, found[0]) == kept, "what cannot be returned counts"


def test_what_a_child_reserved_that_died_before_its_call_comes_back_to_the_pot(sharing: Any) -> None:
    durable, found = sharing(run={"usd": 1.0}), []
    durable.work(sharer(found))
    before = pot(durable.aws, found[0])["left"]
    reserve: Any = child(durable.aws, found[0])
    reserve(0.3)
    durable.aws.clock.now += 300
    assert reserve.ledger.sweep() == 1
    assert pot(durable.aws, found[0])["left"] == before


@pytest.mark.parametrize("dynamodb", ["dynamodb-local"], indirect=True)
def test_many_children_at_once_never_spend_more_than_the_pot(aws: Aws) -> None:
    reference = pots(aws).open("r0", nanos(1.0), 0, 2_000_000_000).text
    refused: list[str] = []

    def spend(number: int) -> None:
        reserve = child(aws, reference, agent=f"writer-{number}")
        for _ in range(8):
            try:
                reserve(0.1)(0.1)
            except CapReached as error:
                refused.append(error.scope)

    threads = [threading.Thread(target=spend, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert refused == ["tree"] * (4 * 8 - 10)
    assert (pot(aws, reference)["spent"], pot(aws, reference)["left"]) == (1_000_000, 0)


# At the door.

SECRET = "0" * 32


@pytest.mark.parametrize(
    ("parent", "is_let_in"),
    [
        (f"answers.{SECRET}", True),
        (f"planner.{SECRET}", True),
        (f"stranger.{SECRET}", False),
        ("planner", False),
        (f"planner#x.{SECRET}", False),
        (f"planner.{SECRET}0", False),
    ],
)
def test_only_trees_of_named_agents_are_joined(parent: str, is_let_in: bool) -> None:
    caps = SpendCaps(roots=("planner",))
    if is_let_in:
        check_parent("answers", caps, parent)
        return
    with pytest.raises(ParentRefused):
        check_parent("answers", caps, parent)
    check_parent("answers", caps, None)
    with pytest.raises(ParentRefused):
        check_parent("answers", None, f"answers.{SECRET}")


def test_the_front_door_keeps_the_parent_with_the_run_and_refuses_a_strangers(door: Door) -> None:
    door.has_caps(roots=["planner"])
    status, body, _ = door.post({"input": {}, "parent": f"planner.{SECRET}"})
    assert status == 202
    head = door.store.find_head("acme", body["run_id"])
    assert head is not None
    assert head["parent"] == f"planner.{SECRET}"
    status, problem, _ = door.post({"input": {}, "parent": f"stranger.{SECRET}"})
    assert (status, problem["type"]) == (403, "urn:agent-hosting:problem:parent-refused")


def test_lambda_refuses_a_strangers_tree_and_a_parent_that_is_no_text(api: Api, http_event: Any) -> None:
    api.caps = {}
    body: dict[str, Any] = {"input": {"question": "why?"}}
    assert api(http_event(body={**body, "parent": f"stranger.{SECRET}"}))[0] == 403
    assert api(http_event(body={**body, "parent": 7}))[0] == 400
