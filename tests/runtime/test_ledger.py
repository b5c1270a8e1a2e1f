"""What is spent is known before it is spent, and no process that dies leaves it wrong for long."""

import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent_runtime.checkpoint_table import CheckpointTable
from agent_runtime.errors import CapReached, SpendUnknown
from agent_runtime.records import Lease, Usage
from agent_runtime.spend.caps import SpendCaps, windows_at
from agent_runtime.spend.ledger import SWEEP_SECONDS, Ledger
from agent_runtime.spend.reading import SpendReader, Spent
from agent_runtime.spend.settling import LATE_SECONDS
from tests.runtime.durable import Killed
from tests.runtime.pretended import TABLE, Aws, pretended_aws

CALL = Usage(100, 10, 0.04, 1)


def lease(run: str = "r1", tenant: str = "acme") -> Lease:
    return Lease(f"answers#{tenant}#{run}", "p", 1, "b", 2_000_000_000)


@pytest.fixture
def ledger(aws: Aws) -> Callable[..., Ledger]:
    def make(client: Any = None, **caps: Any) -> Ledger:
        return Ledger(
            CheckpointTable(client or aws.dynamodb, TABLE),
            "answers",
            SpendCaps.model_validate(caps),
            clock=aws.clock,
            monotonic=aws.clock,
            sleep=lambda _: None,
        )

    return make


def spent(aws: Aws, pk: str = "answers#spend", sk: str = "") -> dict[str, int]:
    """The sums of an account, in millionths of a dollar."""
    key = {"pk": {"S": pk}, "sk": {"S": sk or windows_at(aws.clock.now).day}}
    item = aws.dynamodb.get_item(TableName=TABLE, Key=key).get("Item", {})
    sums = {
        name: value for name, value in item.items() if name in ("day", "month", "spent") or name[0] == "h"
    }
    return {name: int(value["N"]) // 1000 for name, value in sums.items()}


def test_a_call_counts_with_what_it_may_cost_and_then_with_what_it_cost(aws: Aws, ledger: Any) -> None:
    made = ledger(agent={"day_usd": 1})
    hold = made.reserve(lease(), "acme", 0.1, 30)
    hour = windows_at(aws.clock.now).hour
    assert spent(aws) == {"day": 100_000, hour: 100_000, "month": 100_000}
    made.settle(hold, CALL, "b1")
    assert spent(aws) == spent(aws, "answers#acme#spend") == {"day": 40_000, hour: 40_000, "month": 40_000}


def test_the_costs_of_a_bundle_its_calls_and_its_tokens_are_counted(aws: Aws, ledger: Any) -> None:
    made = ledger()
    for bundle in ("b1", "b1", "b2"):
        made.settle(made.reserve(lease(), "acme", 0.1, 30), CALL, bundle)
    key = {"pk": {"S": "answers#spend"}, "sk": {"S": windows_at(aws.clock.now).day}}
    item = aws.dynamodb.get_item(TableName=TABLE, Key=key)["Item"]
    told = {name: int(item[name]["N"]) for name in ("calls", "input_tokens", "bundle_b1", "bundle_b2")}
    assert told == {"calls": 3, "input_tokens": 300, "bundle_b1": 80_000_000, "bundle_b2": 40_000_000}


@pytest.mark.parametrize(
    ("caps", "scope", "window"),
    [
        ({"agent": {"hour_usd": 0.25}}, "agent", "hour"),
        ({"agent": {"day_usd": 0.25}}, "agent", "day"),
        ({"tenant": {"month_usd": 0.25}}, "tenant", "month"),
    ],
)
def test_a_call_that_would_pass_a_cap_is_refused_and_moves_nothing(
    aws: Aws, ledger: Any, caps: Any, scope: str, window: str
) -> None:
    made = ledger(**caps)
    made.reserve(lease(), "acme", 0.1, 30)
    made.reserve(lease(), "acme", 0.1, 30)
    before = spent(aws), spent(aws, "answers#acme#spend")
    with pytest.raises(CapReached) as refused:
        made.reserve(lease(), "acme", 0.1, 30)
    assert (refused.value.scope, refused.value.window) == (scope, window)
    assert (spent(aws), spent(aws, "answers#acme#spend")) == before


def test_one_tenant_that_has_spent_its_share_leaves_the_others_theirs(ledger: Any) -> None:
    made = ledger(tenant={"day_usd": 0.1})
    made.reserve(lease(), "acme", 0.1, 30)
    with pytest.raises(CapReached):
        made.reserve(lease(), "acme", 0.1, 30)
    made.reserve(lease("r2", "other"), "other", 0.1, 30)


def test_a_cap_of_a_run_holds_over_all_of_its_workers(aws: Aws, ledger: Any) -> None:
    for worker in (ledger(), ledger()):
        worker.settle(worker.reserve(lease(), "acme", 0.05, 30, run_cap_usd=0.1), CALL, "b1")
    with pytest.raises(CapReached) as refused:
        ledger().reserve(lease(), "acme", 0.05, 30, run_cap_usd=0.1)
    assert refused.value.scope == "run"
    assert spent(aws, lease().pk, "spend") == {"spent": 80_000}


def test_an_hour_and_a_day_end_and_the_month_goes_on(aws: Aws, ledger: Any) -> None:
    aws.clock.now = datetime(2027, 1, 15, 23, 30, tzinfo=UTC).timestamp()
    made = ledger(agent={"hour_usd": 0.1, "day_usd": 0.1, "month_usd": 0.25})
    made.begin(made.reserve(lease(), "acme", 0.1, 1e9))
    aws.clock.now += 3600
    made.begin(made.reserve(lease(), "acme", 0.1, 1e9))
    assert spent(aws) == {"day": 100_000, "h00": 100_000, "month": 200_000}
    aws.clock.now += 3 * 86_400
    with pytest.raises(CapReached) as refused:
        made.reserve(lease(), "acme", 0.1, 1e9)
    assert refused.value.window == "month"


def test_a_clock_ahead_that_begins_the_next_day_takes_nothing_out_of_the_month(aws: Aws, ledger: Any) -> None:
    aws.clock.now = datetime(2027, 1, 15, 23, 50, tzinfo=UTC).timestamp()
    caps: dict[str, Any] = {"agent": {"month_usd": 0.35}, "tenant": {"month_usd": 0.35}}
    slow, ahead = ledger(**caps), ledger(**caps)
    ahead._clock = aws.clock.skewed(600)
    slow.reserve(lease(), "acme", 0.1, 30)
    ahead.reserve(lease(), "acme", 0.1, 30)
    slow.reserve(lease(), "acme", 0.1, 30)
    with pytest.raises(CapReached):
        slow.reserve(lease(), "acme", 0.1, 30)
    with pytest.raises(CapReached):
        ahead.reserve(lease("r2", "other"), "other", 0.1, 30)
    assert [spent(aws, sk=f"2027-01-{day}")["day"] for day in (15, 16)] == [100_000, 200_000]
    assert spent(aws, sk="2027-01-16")["month"] == 300_000


def test_a_clock_that_is_days_behind_the_others_spends_nothing_and_says_why(aws: Aws, ledger: Any) -> None:
    """What it would spend belongs to days that its sums could not be held to."""
    made = ledger()
    for _ in range(3):
        made.reserve(lease(), "acme", 0.1, 30)
        aws.clock.now += 86_400
    made.reserve(lease(), "acme", 0.1, 30)
    behind = ledger()
    behind._clock = aws.clock.skewed(-3 * 86_400)
    with pytest.raises(SpendUnknown, match="by other clocks it is 2027-01-17"):
        behind.reserve(lease("r2", "other"), "other", 0.1, 30)


def test_a_clock_behind_opens_no_day_that_the_month_has_passed_over(aws: Aws, ledger: Any) -> None:
    aws.clock.now = datetime(2027, 1, 16, 0, 5, tzinfo=UTC).timestamp()
    made, behind = ledger(), ledger()
    behind._clock = aws.clock.skewed(-600)
    made.reserve(lease(), "acme", 0.1, 30)
    behind.reserve(lease("r2", "other"), "other", 0.1, 30)
    assert spent(aws)["month"] == spent(aws)["day"] == 200_000
    days = SpendReader(made._table, "answers").by_day("2027-01-01", "2027-01-31")
    assert [day.name for day in days] == ["2027-01-16"], "a day that was only closed is none"


def test_who_dies_between_closing_a_day_and_opening_the_next_stops_nobody(
    aws: Aws, ledger: Any, faulty: Any
) -> None:
    aws.clock.now = datetime(2027, 1, 15, 23, 50, tzinfo=UTC).timestamp()
    ledger().reserve(lease(), "acme", 0.1, 30)
    ahead = ledger(faulty)
    ahead._clock = aws.clock.skewed(600)

    def die(_: dict[str, Any]) -> None:
        raise Killed

    faulty.before["put_item"] = die
    with pytest.raises(Killed):
        ahead.reserve(lease(), "acme", 0.1, 30)
    ledger().reserve(lease(), "acme", 0.1, 30)
    assert spent(aws, sk="2027-01-16")["month"] == 200_000


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    calls=st.lists(
        st.tuples(st.integers(-600, 600), st.sampled_from([0, 60, 600, 3000]), st.booleans()), max_size=12
    )
)
def test_no_clocks_within_ten_minutes_lose_a_months_sum(
    fresh_aws: Any, calls: list[tuple[int, int, bool]]
) -> None:
    with fresh_aws() as aws:
        aws.clock.now = datetime(2027, 1, 15, 23, 30, tzinfo=UTC).timestamp()
        caps, reserved = SpendCaps.model_validate({"agent": {"month_usd": 0.65}}), 0
        for skew, later, is_other in calls:
            aws.clock.now += later
            table, tenant = CheckpointTable(aws.dynamodb, TABLE), "other" if is_other else "acme"
            made = Ledger(table, "answers", caps, clock=aws.clock.skewed(skew), sleep=lambda _: None)
            with suppress(CapReached):
                hold = made.reserve(lease("r", tenant), tenant, 0.1, 30)
                assert hold is not None
                made.settle(hold, Usage(1, 1, 0.1, 1), "b1")
                reserved += 1
        assert reserved == min(6, len(calls))
        days = list(CheckpointTable(aws.dynamodb, TABLE).query("answers#spend", "2027-01-00", "2027-01-99"))
        assert sum(day["day"] for day in days) == reserved * 100_000_000
        assert [day["month"] for day in days[-1:]] == [reserved * 100_000_000] * bool(days)


def test_a_month_begins_with_nothing_spent(aws: Aws, ledger: Any) -> None:
    aws.clock.now = datetime(2027, 1, 31, 12, tzinfo=UTC).timestamp()
    made = ledger(agent={"month_usd": 0.1})
    made.settle(made.reserve(lease(), "acme", 0.1, 30), Usage(1, 1, 0.1, 1), "b1")
    aws.clock.now += 86_400
    made.settle(made.reserve(lease(), "acme", 0.1, 30), CALL, "b1")
    assert spent(aws)["month"] == 40_000


def test_what_a_process_reserved_that_died_before_its_call_is_returned_after_its_time(
    aws: Aws, ledger: Any
) -> None:
    ledger().reserve(lease(), "acme", 0.1, 30, run_cap_usd=1)
    aws.clock.now += 60
    assert ledger().sweep() == 0
    aws.clock.now += 31
    assert [ledger().sweep(), ledger().sweep()] == [1, 0]
    assert spent(aws)["day"] == spent(aws, "answers#acme#spend")["day"] == 0
    assert spent(aws, lease().pk, "spend") == {"spent": 0}


def test_a_call_that_a_process_died_in_costs_what_was_reserved(aws: Aws, ledger: Any) -> None:
    """It may have been answered: nobody knows what it cost, and it was not nothing."""
    made = ledger(agent={"day_usd": 0.1})
    made.begin(made.reserve(lease(), "acme", 0.1, 30, run_cap_usd=1))
    aws.clock.now += 91
    assert ledger().sweep() == 0
    aws.clock.now += 600
    assert ledger().sweep() == 0
    assert spent(aws)["day"] == spent(aws, "answers#acme#spend")["day"] == 100_000
    assert spent(aws, lease().pk, "spend") == {"spent": 100_000}
    assert aws.ledger({})._table.due("answers#spend", 10**15, 9) == [], "it is looked at once"
    with pytest.raises(CapReached):
        ledger(agent={"day_usd": 0.1}).reserve(lease("r2"), "acme", 0.1, 30)


def test_a_hold_of_a_process_that_does_not_say_whether_it_began_costs_what_was_reserved(
    aws: Aws, ledger: Any
) -> None:
    made = ledger()
    hold = made.reserve(lease(), "acme", 0.1, 30)
    made._table.update(hold.key, {"state": "OPEN"}, "attribute_exists(pk)", {})
    aws.clock.now += 91
    assert made.sweep() == 0
    assert spent(aws)["day"] == 100_000


def test_a_call_does_not_begin_once_its_reservation_was_returned(aws: Aws, ledger: Any) -> None:
    """A process that was stopped between the two, or whose clock is behind."""
    made = ledger()
    hold = made.reserve(lease(), "acme", 0.1, 30)
    aws.clock.now += 91
    ledger().sweep()
    with pytest.raises(SpendUnknown):
        made.begin(hold)


@pytest.mark.parametrize("lost", [1, 2])
def test_a_beginning_whose_answer_was_lost_has_begun(aws: Aws, ledger: Any, faulty: Any, lost: int) -> None:
    made = ledger(faulty)
    hold = made.reserve(lease(), "acme", 0.1, 30)
    faulty.lost["update_item"] = lost
    made.begin(hold)
    aws.clock.now += 91
    assert made.sweep() == 0
    assert spent(aws)["day"] == 100_000


def test_a_call_that_cannot_be_settled_counts_as_reserved_and_is_settled_later(aws: Aws, ledger: Any) -> None:
    made = ledger()
    hold = made.reserve(lease(), "acme", 0.1, 30)
    made.begin(hold)
    table, made._table.client = made._table.client, _Unreachable(aws.dynamodb)
    made.settle(hold, CALL, "b1")
    assert spent(aws)["day"] == 100_000
    made._table.client = table
    aws.clock.now += 300
    assert ledger().sweep() == 0, "another process takes it for abandoned"
    made.reserve(lease("r2"), "acme", 0.1, 30)
    assert spent(aws)["day"] == 140_000


def test_a_settlement_that_never_works_is_given_up_and_blocks_nothing(
    aws: Aws, ledger: Any, faulty: Any
) -> None:
    made = ledger(faulty)
    hold = made.reserve(lease(), "acme", 0.1, 30)

    def refuse(request: dict[str, Any]) -> None:
        if "Update" in request["TransactItems"][0]:
            raise EndpointConnectionError(endpoint_url="http://127.0.0.1")

    faulty.before["transact_write_items"] = refuse
    made.begin(hold)
    made.settle(hold, CALL, "b1")
    made._settling.abandoned = lambda: 0
    for _ in range(3):
        aws.clock.now += LATE_SECONDS / 2
        assert made.reserve(lease("r2"), "acme", 0.1, 30) is not None
    assert not made._settling._late


def test_a_cap_that_only_the_dead_have_reached_lets_the_next_call_through(aws: Aws, ledger: Any) -> None:
    made = ledger(agent={"day_usd": 0.1})
    made.reserve(lease(), "acme", 0.1, 30)
    aws.clock.now += 91
    made._swept_at = aws.clock.now
    assert made.reserve(lease("r2"), "acme", 0.1, 30) is not None


@pytest.mark.parametrize("is_begun", [False, True])
def test_a_call_that_ends_after_its_time_counts_with_what_it_cost(
    aws: Aws, ledger: Any, is_begun: bool
) -> None:
    """A clock ten minutes ahead returns what is still in use, or counts it."""
    slow = ledger()
    hold = slow.reserve(lease(), "acme", 0.1, 30)
    if is_begun:
        slow.begin(hold)
    aws.clock.now += 600
    ledger().sweep()
    aws.clock.now -= 600
    slow.settle(hold, CALL, "b1")
    assert spent(aws)["day"] == 40_000


@pytest.mark.parametrize("lost", [1, 3])
def test_lost_answers_count_nothing_twice(aws: Aws, ledger: Any, faulty: Any, lost: int) -> None:
    made = ledger(faulty, agent={"day_usd": 1})
    made.settle(made.reserve(lease(), "acme", 0.1, 30), CALL, "b1")  # opens the day
    faulty.lost["transact_write_items"] = lost
    hold = made.reserve(lease(), "acme", 0.1, 30)
    faulty.lost["transact_write_items"] = lost
    made.settle(hold, CALL, "b1")
    assert spent(aws)["day"] == 80_000


def test_settling_twice_counts_once(aws: Aws, ledger: Any) -> None:
    made = ledger()
    hold = made.reserve(lease(), "acme", 0.1, 30)
    made.settle(hold, CALL, "b1")
    made.settle(hold, CALL, "b1")
    assert spent(aws)["day"] == 40_000


class _Unreachable:
    """A client of a table that nobody answers for."""

    def __init__(self, client: Any) -> None:
        self.exceptions = client.exceptions

    def __getattr__(self, name: str) -> Any:
        def call(**_: Any) -> Any:
            raise EndpointConnectionError(endpoint_url="http://127.0.0.1")

        return call


def test_nothing_is_spent_while_the_ledger_is_out_of_reach(aws: Aws, ledger: Any) -> None:
    with pytest.raises(SpendUnknown):
        ledger(_Unreachable(aws.dynamodb)).reserve(lease(), "acme", 0.1, 30)


def test_a_grace_lets_calls_through_for_its_time_and_no_longer(aws: Aws, ledger: Any) -> None:
    made = ledger(_Unreachable(aws.dynamodb), grace_seconds=60)
    aws.clock.now += 59
    assert made.reserve(lease(), "acme", 0.1, 30) is None
    aws.clock.now += 1
    with pytest.raises(SpendUnknown):
        made.reserve(lease(), "acme", 0.1, 30)


def test_threads_on_one_cap_never_reserve_more_than_it(dynamodb_local: Any) -> None:
    """On AWS's own DynamoDB alone: transactions of moto are none to threads."""
    with pretended_aws(dynamodb_local) as aws:
        _threads_on_one_cap(aws)


def _threads_on_one_cap(aws: Aws) -> None:
    cap, each = 0.5, 0.04
    outcomes: list[str] = []
    together = threading.Barrier(32)

    def call(n: int) -> None:
        made = Ledger(CheckpointTable(aws.dynamodb, TABLE), "answers", caps, clock=aws.clock)
        together.wait()
        try:
            hold = made.reserve(lease(f"r{n}"), f"tenant-{n % 3}", each, 30)
            assert hold is not None
            made.settle(hold, CALL, "b1")
            outcomes.append("called")
        except CapReached:
            outcomes.append("refused")

    caps = SpendCaps.model_validate({"agent": {"day_usd": cap}})
    threads = [threading.Thread(target=call, args=(n,)) for n in range(32)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(outcomes) == 32
    assert outcomes.count("called") == int(cap / each)
    assert spent(aws)["day"] == outcomes.count("called") * 40_000


def test_the_ledger_is_swept_now_and_then_and_not_at_each_call(aws: Aws, ledger: Any, faulty: Any) -> None:
    made = ledger(faulty)
    for _ in range(3):
        made.settle(made.reserve(lease(), "acme", 0.1, 30), CALL, "b1")
    first = faulty.calls["query"]
    aws.clock.now += SWEEP_SECONDS
    made.reserve(lease(), "acme", 0.1, 30)
    assert faulty.calls["query"] == first + 1


def test_what_was_spent_is_told_by_day_hour_tenant_and_bundle(aws: Aws, ledger: Any) -> None:
    aws.clock.now = datetime(2027, 1, 15, 8, 30, tzinfo=UTC).timestamp()
    made = ledger()
    for tenant, bundle in (("acme", "b1"), ("other", "b2"), ("acme", "b2")):
        made.settle(made.reserve(lease("r", tenant), tenant, 0.1, 30), CALL, bundle)
    aws.clock.now += 86_400
    made.settle(made.reserve(lease(), "acme", 0.1, 30), CALL, "b2")
    reader, first, last = SpendReader(made._table, "answers"), "2027-01-01", "2027-01-31"
    assert _told(reader.by_day(first, last)) == [("2027-01-15", 0.12, 3), ("2027-01-16", 0.04, 1)]
    assert _told(reader.by_day(first, last, "other")) == [("2027-01-15", 0.04, 1)]
    assert _told(reader.by_tenant(first, last)) == [("acme", 0.12, 3), ("other", 0.04, 1)]
    assert _told(reader.by_bundle(first, last)) == [("b2", 0.12, 0), ("b1", 0.04, 0)]
    assert _told(reader.by_hour("2027-01-15")) == [("2027-01-15 08:00", 0.12, 0)]
    assert reader.by_tenant("2026-11-30", "2026-12-02") == []


def _told(found: list[Spent]) -> list[tuple[str, float, int]]:
    return [(one.name, round(one.usd, 6), one.calls) for one in found]
