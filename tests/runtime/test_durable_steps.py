"""Steps of a run that several workers work on: nested, limited, and where they are refused."""

import threading
from collections.abc import Callable
from typing import Any

import pytest

from agent_runtime.errors import (
    NestedStep,
    ResultNotJson,
    StepLimitExceeded,
)
from agent_runtime.records import Usage
from agent_runtime.run import Run
from tests.runtime.durable import Durable, Killed

ASK: list[Any] = [{"role": "user", "content": "why?"}]


def die(point: str, at: list[str]) -> None:
    if at == [point]:
        at.clear()
        raise Killed


@pytest.mark.parametrize("point", ["in inner-1", "between", "in inner-2", "after the last", "after outer"])
def test_a_step_with_steps_inside_goes_on_after_the_last_inner_one(durable: Durable, point: str) -> None:
    at = [point]

    def inner(name: str) -> str:
        durable.note(name)
        die(f"in {name}", at)
        return name

    def outer(run: Run) -> list[str]:
        first = run.step("inner-1", inner, "inner-1")
        die("between", at)
        found = [first, run.step("inner-2", inner, "inner-2")]
        die("after the last", at)
        return found

    def agent(run: Run) -> dict[str, Any]:
        found = run.step("outer", outer, run)
        die("after outer", at)
        return {"found": found, "last": run.step("last", durable.note, "last")}

    durable.work(agent)
    assert durable.result(agent) == {"found": ["inner-1", "inner-2"], "last": "last"}
    done_twice = {"in inner-1": {"inner-1"}, "in inner-2": {"inner-2"}}.get(point, set())
    assert {name for name, times in durable.executed.items() if times == 2} == done_twice
    assert durable.done() == ["000001", "000001.000001", "000001.000002", "000002"]


def test_steps_may_lie_three_levels_deep(durable: Durable) -> None:
    def level(run: Run, depth: int) -> int:
        return 1 if depth == 0 else 1 + run.step(f"level-{depth}", level, run, depth - 1)

    assert durable.result(lambda run: {"depth": level(run, 3)}) == {"depth": 4}
    assert set(durable.items()) == {"000001", "000001.000001", "000001.000001.000001"}


def test_a_step_inside_an_effect_is_refused(durable: Durable) -> None:
    def send(run: Run, idempotency_key: str) -> None:
        run.step("inner", durable.note, idempotency_key)

    error = durable.work(lambda run: {"x": run.effect("send", send, run)}).error
    assert isinstance(error, NestedStep)
    assert str(error) == "step 'inner' was begun inside the effect 'send'"
    assert durable.executed == {}


def test_a_step_in_a_thread_of_the_agents_own_is_refused(durable: Durable) -> None:
    raised: list[Exception] = []

    def begin(run: Run) -> None:
        try:
            run.step("inner", durable.note, "inner")
        except NestedStep as error:
            raised.append(error)

    def agent(run: Run) -> dict[str, Any]:
        thread = threading.Thread(target=begin, args=(run,))
        thread.start()
        thread.join(10)
        return {}

    durable.work(agent)
    assert "`run.gather` does steps at once" in str(raised[0])
    assert durable.executed == {}


def test_a_retry_of_a_step_does_not_do_its_inner_steps_again(durable: Durable) -> None:
    keys: list[str] = []

    def pay(idempotency_key: str) -> None:
        keys.append(idempotency_key)

    def outer(run: Run) -> str:
        run.effect("pay", pay)
        if durable.executed["after"] == 0:
            durable.note("after")
            raise ConnectionResetError
        return "paid"

    assert durable.result(lambda run: {"x": run.step("outer", outer, run)}) == {"x": "paid"}
    assert len(set(keys)) == 1


def test_a_resumed_run_knows_what_its_inner_steps_have_used(durable: Durable) -> None:

    def inner(run: Run) -> str:
        return run.model(messages=ASK).text

    def agent(run: Run) -> dict[str, Any]:
        return {"text": run.step("outer", lambda: run.step("inner", inner, run))}

    assert durable.work(agent).run.progress.usage == Usage(100, 10, 0.0002, 1)
    resumed = durable.work(agent).run.progress
    assert (resumed.usage, resumed.spent) == (Usage(100, 10, 0.0002, 1), Usage())


def test_the_limit_of_steps_holds_for_the_next_worker_too(
    durable: Durable, make_bundle: Callable[..., Any]
) -> None:
    durable.bundle = make_bundle(max_steps=4)

    def agent(run: Run) -> dict[str, Any]:
        return {"done": [run.step(f"step-{n}", durable.note, "done") for n in range(5)]}

    for _ in range(2):
        assert isinstance(durable.work(agent).error, StepLimitExceeded)
    assert durable.executed["done"] == 4


def test_the_limit_of_steps_counts_inner_ones_for_the_next_worker_too(
    durable: Durable, make_bundle: Callable[..., Any]
) -> None:
    durable.bundle = make_bundle(max_steps=4)

    def agent(run: Run) -> dict[str, Any]:
        return {"done": [run.step(f"{n}", lambda: run.step("inner", durable.note, "done")) for n in range(5)]}

    for _ in range(2):
        assert isinstance(durable.work(agent).error, StepLimitExceeded)
    assert len(durable.done()) == 4


@pytest.mark.parametrize("value", [object(), float("inf"), {1}])
def test_a_result_that_is_not_json_is_an_error_of_its_step_also_inside_another(
    durable: Durable, value: object
) -> None:
    error = durable.work(lambda run: {"x": run.step("outer", lambda: run.step("odd", lambda: value))}).error
    assert isinstance(error, ResultNotJson)
    assert "step 'odd'" in str(error)
