"""The judges of histories let what is right pass, and each wrong that they are there for they name."""

import json
from typing import Any

import pytest

from agent_runtime.spend.caps import SpendCaps
from tests.histories import (
    assert_all_ended,
    assert_contiguous,
    assert_fenced,
    assert_pinned,
    assert_spent_within,
)

CALL_USD, CALL = 0.1, 100_000_000
CAPS = SpendCaps.model_validate({"agent": {"day_usd": 0.2}, "tenant": {"day_usd": 0.2}, "run": {"usd": 0.2}})
DAY, HOUR = "2027-01-15", "h08"
RUN = "answers#acme#r1"


def item(pk: str, sk: str, **values: str | int) -> dict[str, Any]:
    held = {name: {"N": str(v)} if isinstance(v, int) else {"S": v} for name, v in values.items()}
    return {"pk": {"S": pk}, "sk": {"S": sk}, "schema_version": {"N": "1"}, **held}


def head(
    status: str = "DONE", epoch: int = 1, bundle: str = "b1", run: str = RUN, at: int = 0
) -> dict[str, Any]:
    return item(
        run, "run", status=status, epoch=epoch, bundle_id=bundle, updated_at=at, lease_expires_at=at + 9
    )


def step(number: int, epoch: int = 1, state: str = "DONE") -> dict[str, Any]:
    return item(RUN, f"step#{number:06d}", state=state, epoch=epoch)


def hold(n: int, state: str, actual: int) -> dict[str, Any]:
    days = [["agent", "answers#spend"], ["tenant", "answers#acme#spend"]]
    accounts = json.dumps({"days": days, "run": [RUN, 1], "pot": None})
    more: dict[str, Any] = {"day": DAY, "hour": HOUR, "accounts": accounts, "until": 1, "actual": actual}
    return item("answers#spend", f"hold#{n}", state=state, amount=CALL, **more)


def spent(*holds: dict[str, Any], agent: int, tenant: int, run: int) -> list[dict[str, Any]]:
    sums = [
        item(pk, DAY, day=day, month=day, **{HOUR: day})
        for pk, day in (("answers#spend", agent), ("answers#acme#spend", tenant))
    ]
    return [*holds, *sums, item(RUN, "spend", spent=run)]


def judge(items: list[dict[str, Any]], paid: int = 0) -> None:
    assert_spent_within(items, "answers", CAPS, call_usd=CALL_USD, paid=paid)


def test_what_its_calls_come_to_may_be_spent_up_to_the_cap_and_one_call() -> None:
    ended = [hold(1, "SETTLED", CALL), hold(2, "COUNTED", CALL), hold(3, "CALLED", 0), hold(4, "RETURNED", 0)]
    judge(spent(*ended, agent=3 * CALL, tenant=3 * CALL, run=3 * CALL), paid=3 * CALL)


@pytest.mark.parametrize(
    ("sums", "paid", "said"),
    [
        ((CALL, CALL, CALL), 0, "its calls come to"),
        ((2 * CALL, CALL, 2 * CALL), 0, "answers#acme#spend"),
        ((2 * CALL, 2 * CALL, CALL), 0, RUN),
        ((2 * CALL, 2 * CALL, 2 * CALL), 2 * CALL + 1, "nobody counts"),
    ],
    ids=["the agent's sum", "the tenant's sum", "the run's sum", "a call that nobody counts"],
)
def test_a_sum_that_is_not_what_its_calls_come_to_is_found(
    sums: tuple[int, int, int], paid: int, said: str
) -> None:
    two = [hold(1, "SETTLED", CALL), hold(2, "RESERVED", 0)]
    with pytest.raises(AssertionError, match=said):
        judge(spent(*two, agent=sums[0], tenant=sums[1], run=sums[2]), paid)


def test_two_calls_over_a_cap_are_found() -> None:
    four = [hold(n, "SETTLED", CALL) for n in range(4)]
    with pytest.raises(AssertionError, match=r"0\.4 of 0\.2 USD"):
        judge(spent(*four, agent=4 * CALL, tenant=4 * CALL, run=4 * CALL))


def test_a_run_that_has_not_ended_or_is_one_too_many_is_found() -> None:
    assert_all_ended([head()], accepted=1)
    for items, accepted in (([head("RUNNING")], 1), ([head(), head(run="other")], 1), ([], 1)):
        with pytest.raises(AssertionError):
            assert_all_ended(items, accepted)


def test_a_gap_between_steps_is_found() -> None:
    assert_contiguous([head(), step(1), step(2), step(3, state="CLAIMED")])
    with pytest.raises(AssertionError, match="gap"):
        assert_contiguous([head(), step(1), step(3)])


def test_a_write_of_an_older_epoch_and_a_second_commit_are_found() -> None:
    assert_fenced([head(epoch=1), head(epoch=2), step(1, epoch=1), step(2, epoch=2)])
    with pytest.raises(AssertionError, match="older epoch"):
        assert_fenced([head(epoch=2), head(epoch=1)])
    with pytest.raises(AssertionError, match="twice"):
        assert_fenced([step(1, epoch=1), step(1, epoch=2)])


def test_a_run_that_changes_its_release_in_a_workers_hands_is_found() -> None:
    assert_pinned([head("QUEUED"), head("QUEUED", bundle="b2"), head("RUNNING", bundle="b2")])
    assert_pinned([head("RUNNING"), head("RUNNING", bundle="b2", at=10)])  # its worker was killed
    with pytest.raises(AssertionError, match="hands"):
        assert_pinned([head("RUNNING"), head("RUNNING", bundle="b2")])


def test_a_run_that_a_release_began_which_was_sent_back_is_found() -> None:
    assert_pinned(
        [head("QUEUED"), head("QUEUED", bundle="b2"), head("RUNNING", bundle="b2")], frozenset({"b1"})
    )
    with pytest.raises(AssertionError, match="sent back"):
        assert_pinned([head("QUEUED"), head("RUNNING")], frozenset({"b1"}))
