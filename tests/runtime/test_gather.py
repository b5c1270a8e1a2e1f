"""Parallel steps, done by one worker or by several after one another."""

import threading
import uuid
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent_runtime.errors import StepLimitExceeded
from agent_runtime.run import Run
from tests.runtime.durable import Durable, Killed


def test_results_come_in_the_order_of_the_items_whatever_ends_first(durable: Durable) -> None:
    is_second_done = threading.Event()

    def work(n: int) -> int:
        if n == 1:
            assert is_second_done.wait(10)
        else:
            is_second_done.set()
        return n * 10

    assert durable.result(lambda run: {"found": run.gather("each", work, [1, 2])}) == {"found": [10, 20]}


@pytest.mark.parametrize("at_once", [1, 3])
def test_no_more_are_under_way_than_were_asked_for(durable: Durable, at_once: int) -> None:
    durable.bundle = durable.make_bundle(max_steps=20)
    lock, full = threading.Lock(), threading.Barrier(at_once)
    under_way: list[int] = []
    most: list[int] = []

    def work(n: int) -> int:
        with lock:
            under_way.append(n)
            most.append(len(under_way))
        full.wait(10)  # as many as may are under way together
        with lock:
            under_way.remove(n)
        return n

    agent_items = list(range(at_once * 3))
    durable.result(lambda run: {"found": run.gather("each", work, agent_items, at_once=at_once)})
    assert max(most) == at_once


def test_the_first_error_in_the_order_of_the_items_is_raised_once_all_have_ended(durable: Durable) -> None:
    ended: list[int] = []
    is_last_done = threading.Event()

    def work(n: int) -> int:
        if n == 1:
            assert is_last_done.wait(10)
        ended.append(n)
        if n == 3:
            is_last_done.set()
        if n in (1, 2):
            raise ValueError(f"item {n}")
        return n

    error = durable.work(lambda run: {"found": run.gather("each", work, [0, 1, 2, 3])}).error
    assert str(error) == "item 1"
    assert sorted(ended) == [0, 1, 2, 3]


def test_what_was_completed_is_not_done_again_when_the_others_are(durable: Durable) -> None:
    def work(n: int) -> int:
        durable.note(f"item-{n}")
        if n % 2 and durable.executed[f"item-{n}"] == 1:
            raise ValueError
        return n

    def agent(run: Run) -> dict[str, Any]:
        return {"found": run.gather("each", work, list(range(6)))}

    assert isinstance(durable.work(agent).error, ValueError)
    assert durable.result(agent) == {"found": [0, 1, 2, 3, 4, 5]}
    assert durable.executed == {f"item-{n}": 1 + n % 2 for n in range(6)}


def test_parallel_steps_may_have_steps_and_parallel_steps_inside(durable: Durable) -> None:
    durable.bundle = durable.make_bundle(max_steps=50)

    def agent(run: Run) -> dict[str, Any]:
        def work(n: int) -> list[int]:
            base = run.step("base", durable.note, f"base-{n}", n * 10)
            found = run.gather("deeper", lambda m: durable.note(f"{n}.{m}", base + m), [1, 2])
            if n == 2 and durable.executed["killed"] == 0:
                durable.note("killed")
                raise Killed
            return found

        return {"found": run.gather("each", work, [1, 2])}

    durable.work(agent)
    assert durable.result(agent) == {"found": [[11, 12], [21, 22]]}
    assert set(durable.executed.values()) == {1}


def test_a_caught_error_of_parallel_steps_is_replayed_as_the_same_class(durable: Durable) -> None:
    def work(n: int) -> int:
        durable.note(f"item-{n}")
        return 1 // n

    def agent(run: Run) -> dict[str, Any]:
        try:
            run.gather("each", work, [1, 0])
        except ZeroDivisionError:
            return {"instead": run.step("instead", durable.note, "instead")}
        return {}

    durable.result(agent)
    assert durable.result(agent) == {"instead": "instead"}
    assert durable.executed == {"item-0": 1, "item-1": 1, "instead": 1}


def test_nothing_to_do_is_no_step(durable: Durable) -> None:
    durable.result(lambda run: {"found": run.gather("none", durable.note, [])})
    assert durable.items() == {}


def test_more_than_a_hundred_at_once_are_refused_before_any_is_begun(durable: Durable) -> None:
    error = durable.work(lambda run: {"found": run.gather("many", durable.note, ["x"] * 101)}).error
    assert isinstance(error, StepLimitExceeded)
    assert str(error) == "gather 'many' has 101 items, and 100 are allowed at once"
    assert durable.executed == {}


def test_a_hundred_are_done(durable: Durable) -> None:
    durable.bundle = durable.make_bundle(max_steps=100)
    found = durable.result(lambda run: {"found": run.gather("many", lambda n: n, list(range(100)))})
    assert found == {"found": list(range(100))}


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    before=st.integers(0, 2),
    items=st.integers(1, 5),
    kills=st.lists(st.integers(0, 9), max_size=4),
    at_once=st.integers(1, 3),
)
def test_killed_workers_cost_no_more_than_what_was_under_way(
    durable: Durable, before: int, items: int, kills: list[int], at_once: int
) -> None:
    durable.run_id = uuid.uuid4().hex
    durable.executed.clear()
    kill_at = -1
    lock = threading.Lock()

    def work(n: int) -> int:
        with lock:
            durable.note(f"item-{n}")
            is_killed = durable.executed.total() - begun == kill_at
        if is_killed:
            raise Killed
        return n

    def agent(run: Run) -> dict[str, Any]:
        for n in range(before):
            run.step(f"before-{n}", work, n + 100)
        found = run.gather("each", work, list(range(items)), at_once=at_once)
        return {"found": found, "after": run.step("after", work, 200)}

    for kill_at in kills:  # noqa: B007  read by `work`
        begun = durable.executed.total()
        durable.work(agent)
    begun, kill_at = 0, -1
    assert durable.result(agent) == {"found": list(range(items)), "after": 200}
    assert durable.executed.total() <= before + items + 1 + len(kills)
