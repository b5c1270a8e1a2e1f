"""How a stale worker is kept out, chosen by trying all three (docs/decisions/0007)."""

from dataclasses import dataclass
from typing import Any

import pytest

from agent_runtime.errors import LeaseLost
from tests.runtime.faulty import FaultyClient
from tests.runtime.fences import HeartbeatOnly, Meter, NextKey, Transaction

FENCES = [Transaction, NextKey, HeartbeatOnly]
STEPS, RESULT = 100, '"' + "x" * 398 + '"'


@dataclass(frozen=True)
class Cost:
    """Of 100 steps, and of one take-over after them."""

    calls: int
    write_units: int
    take_over_calls: int
    take_over_write_units: int
    take_over_read_units: int


def lets_a_stale_write_through(aws: Any, kind: type[NextKey], *, is_stale_first: bool) -> bool:
    """A worker pauses between its check and its write of step 4; another takes the run over meanwhile; both
    write."""
    paused = FaultyClient(aws.dynamodb)
    stale, taker = kind(aws.store(paused)), kind(aws.store())
    lease = stale.take()
    for number in (1, 2, 3):
        stale.step(lease, number, RESULT)
    stale.check(lease)

    def meanwhile(_: dict[str, Any]) -> None:
        paused.before.clear()
        aws.clock.now += 61
        taken.append(taker.take())
        if not is_stale_first:
            taker.step(taken[0], 4, '"by the taker"')

    taken: list[Any] = []
    paused.before.update({"put_item": meanwhile, "transact_write_items": meanwhile})
    try:
        stale.step(lease, 4, '"stale"')
    except LeaseLost:
        taker.step(taken[0], 4 if is_stale_first else 5, '"by the taker"')
        return False
    return True


@pytest.mark.parametrize("is_stale_first", [True, False])
@pytest.mark.parametrize("kind", [Transaction, NextKey])
def test_a_check_that_travels_with_the_write_lets_no_stale_write_through(
    aws: Any, kind: type[NextKey], is_stale_first: bool
) -> None:
    assert not lets_a_stale_write_through(aws, kind, is_stale_first=is_stale_first)
    by_epoch = [item["epoch"]["N"] for item in aws.steps("0" * 32)]
    assert by_epoch == ["1", "1", "1", "2"] if is_stale_first else ["1", "1", "1", "2", "2"]


def test_a_check_at_each_heartbeat_lets_a_stale_write_through(aws: Any) -> None:
    assert lets_a_stale_write_through(aws, HeartbeatOnly, is_stale_first=True)
    assert [item["result"]["S"] for item in aws.steps("0" * 32)][3] == '"stale"'


def cost(aws: Any, kind: type[NextKey], input_bytes: int = 4096) -> Cost:
    meter = Meter(aws.dynamodb)
    fence = kind(aws.store(meter), input_bytes)
    lease = fence.take()
    before, units_before = meter.calls.total(), meter.write_units
    for number in range(1, STEPS + 1):
        fence.step(lease, number, RESULT)
    steps = (meter.calls.total() - before, meter.write_units - units_before)
    aws.clock.now += 61
    taking = Meter(aws.dynamodb)
    kind(aws.store(taking), input_bytes).take()
    # The put that finds the head is charged for what is there, and is the same for all three.
    return Cost(*steps, taking.calls.total(), taking.write_units, taking.read_units)


def test_the_fence_that_ships_costs_one_call_and_one_unit_a_step(aws: Any) -> None:
    found = cost(aws, NextKey)
    assert (found.calls, found.write_units) == (STEPS, STEPS)


@pytest.mark.parametrize(("input_bytes", "units"), [(0, 4), (4096, 12)])
def test_a_transaction_costs_at_least_four_times_as_much_and_grows_with_the_head(
    aws: Any, input_bytes: int, units: int
) -> None:
    found = cost(aws, Transaction, input_bytes)
    assert (found.calls, found.write_units) == (STEPS, STEPS * units)


def test_a_heartbeat_costs_no_less_than_the_fence_that_ships(aws: Any) -> None:
    found = cost(aws, HeartbeatOnly)
    assert (found.calls, found.write_units) == (STEPS, STEPS)


def test_a_take_over_costs_one_claim_more_than_without_a_fence(fresh_aws: Any) -> None:
    with fresh_aws() as aws:
        ours = cost(aws, NextKey)
    with fresh_aws() as aws:
        theirs = cost(aws, Transaction)
    assert (ours.take_over_calls, theirs.take_over_calls) == (4, 3)
    assert ours.take_over_write_units == theirs.take_over_write_units + 1
    assert ours.take_over_read_units == theirs.take_over_read_units
