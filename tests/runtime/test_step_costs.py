"""What steps cost: calls, bytes and write units, by the rules that AWS publishes."""

from typing import Any

import pytest

from agent_runtime.run import Run
from tests.runtime.durable import RUN, Durable
from tests.runtime.units import item_bytes, write_units


@pytest.fixture
def items(durable: Durable) -> dict[str, dict[str, Any]]:
    """Items of a run of 100 steps of 400 bytes each."""
    durable.bundle = durable.make_bundle(max_steps=100)

    def agent(run: Run) -> dict[str, Any]:
        for n in range(100):
            run.step(f"step-{n:03d}", lambda: "x" * 398)
        return {}

    assert durable.work(agent).error is None
    assert durable.faulty.calls == {"put_item": 100}
    return durable.items()


def test_a_step_costs_the_same_whether_it_is_the_first_or_the_hundredth(
    items: dict[str, dict[str, Any]],
) -> None:
    sizes = [item_bytes(item) for _, item in sorted(items.items())]
    assert len(sizes) == 100
    assert sizes[99] <= 1.1 * sizes[0]
    assert {write_units(item) for item in items.values()} == {1}


def test_an_effect_is_two_calls_and_a_step_one(durable: Durable) -> None:
    def agent(run: Run) -> dict[str, Any]:
        run.step("plain", lambda: 1)
        before = durable.faulty.calls.total()
        run.effect("send", lambda idempotency_key: 1)
        return {"effect": durable.faulty.calls.total() - before, "step": before}

    assert durable.result(agent) == {"effect": 2, "step": 1}


def test_parallel_steps_cost_one_announcement_for_all_of_them(durable: Durable) -> None:
    durable.result(lambda run: {"found": run.gather("each", lambda n: n, list(range(9)))})
    assert durable.faulty.calls == {"put_item": 10}


def test_a_step_with_steps_inside_costs_one_announcement_more(durable: Durable) -> None:
    durable.result(lambda run: {"x": run.step("outer", lambda: [run.step(f"{n}", int) for n in range(4)])})
    assert durable.faulty.calls == {"put_item": 6}


def test_a_replay_writes_nothing(durable: Durable) -> None:
    def agent(run: Run) -> dict[str, Any]:
        run.step("outer", lambda: run.step("inner", int))
        run.gather("each", lambda n: n, [1, 2])
        run.effect("send", lambda idempotency_key: 1)
        run.sleep("rest", 0)
        return {}

    durable.result(agent)
    durable.result(agent)
    assert durable.faulty.calls == {}


def test_a_take_over_is_a_write_a_query_and_a_claim_for_each_open_position(durable: Durable) -> None:
    def agent(run: Run) -> dict[str, Any]:
        run.step("first", int)
        run.gather("each", lambda n: 1 // (n % 2), list(range(6)))
        return {}

    durable.work(agent)
    durable.faulty.calls.clear()
    durable.aws.clock.now += 61
    opened = durable.store.take_run(
        run_id=RUN, tenant="acme", bundle_id=durable.bundle.bundle_id, lease_seconds=60
    )
    three_that_failed_and_their_announcement = 4
    assert durable.faulty.calls == {
        "update_item": 2,  # the first finds that it is not queued
        "query": 1,
        "put_item": three_that_failed_and_their_announcement,
    }
    assert opened.lease is not None
