"""What a run waits for without a worker, and what it tells while it goes on."""

from typing import Any

import pytest

from agent_runtime.approvals import Decision
from agent_runtime.errors import Suspended
from agent_runtime.events import events_after
from agent_runtime.people import decide
from agent_runtime.records import RunStatus
from agent_runtime.run import Run
from tests.runtime.durable import RUN, Durable, Killed


def told(durable: Durable, cursor: str = "") -> list[tuple[str, Any]]:
    head = durable.store.find_head("acme", RUN)
    assert head is not None
    found = events_after(durable.store.table, head["pk"], head["birth"], cursor)
    return [(event["kind"], event["data"]) for event in found]


def suspended(error: Exception | None) -> Suspended:
    assert isinstance(error, Suspended)
    return error


def test_a_sleep_gives_the_worker_back_until_its_time(durable: Durable) -> None:
    def agent(run: Run) -> dict[str, Any]:
        run.sleep("rest", 600)
        return {"x": run.step("after", durable.note, "after")}

    run = durable.take()
    began = durable.aws.clock.now
    error = suspended(durable.work(agent, run).error)
    assert (error.status, error.due_at) == (RunStatus.SLEEPING, began + 600)
    assert suspended(durable.work(agent).error).due_at == began + 600  # woken early, it sleeps on
    assert durable.executed == {}
    durable.aws.clock.now = began + 600
    assert durable.result(agent) == {"x": "after"}


def test_an_agent_cannot_swallow_its_sleep(durable: Durable) -> None:
    def agent(run: Run) -> dict[str, Any]:
        for _ in range(2):
            try:
                run.sleep("rest", 600)
            except Suspended:
                continue
        return {"x": "awake"}

    assert suspended(durable.work(agent).error).status == RunStatus.SLEEPING


@pytest.mark.parametrize(("verdict", "answer"), [("approve", True), ("deny", False)])
def test_a_question_is_answered_by_a_person(durable: Durable, verdict: str, answer: bool) -> None:
    def agent(run: Run) -> dict[str, Any]:
        return {"x": run.approve("publish", summary="the report")}

    error = suspended(durable.work(agent).error)
    assert (error.status, error.asked) == (RunStatus.WAITING_APPROVAL, (1,))
    assert str(error) == "waits for a person: the report"
    decide(durable.store, "acme", RUN, (1,), Decision(verdict, "ann"))
    for _ in range(2):
        assert durable.result(agent) == {"x": answer}


def test_no_decision_in_time_is_a_no(durable: Durable) -> None:
    def agent(run: Run) -> dict[str, Any]:
        return {"x": run.approve("publish", summary="the report", expires_in_seconds=100)}

    assert suspended(durable.work(agent).error).due_at == durable.aws.clock.now + 100
    durable.aws.clock.now += 100
    assert durable.result(agent) == {"x": False}


def test_a_question_that_is_asked_again_keeps_its_first_time(durable: Durable) -> None:

    def agent(run: Run) -> dict[str, Any]:
        return {"x": run.approve("publish", summary="the report", expires_in_seconds=600)}

    first = suspended(durable.work(agent).error).due_at
    assert suspended(durable.work(agent).error).due_at == first


def test_each_question_of_a_run_has_a_decision_of_its_own(durable: Durable) -> None:
    def agent(run: Run) -> dict[str, Any]:
        return {"x": [run.approve("first", summary="1"), run.approve("second", summary="2")]}

    durable.work(agent)
    decide(durable.store, "acme", RUN, (1,), Decision("approve", "ann"))
    assert suspended(durable.work(agent).error).asked == (2,)
    decide(durable.store, "acme", RUN, (2,), Decision("deny", "bob"))
    assert durable.result(agent) == {"x": [True, False]}


def test_what_was_told_before_a_completed_step_is_not_told_again(durable: Durable) -> None:
    def agent(run: Run) -> dict[str, Any]:
        run.emit("begun")
        run.step("first", durable.note, "first")
        run.emit("half", {"done": 1})
        if durable.executed["killed"] == 0:
            durable.note("killed")
            raise Killed
        run.step("second", durable.note, "second")
        run.emit("through")
        return {}

    durable.work(agent)
    durable.result(agent)
    # `half` came after the last completed step of the first worker: at least once, in the order of telling.
    assert told(durable) == [("begun", None), ("half", {"done": 1}), ("half", {"done": 1}), ("through", None)]


def test_what_was_told_before_completed_parallel_steps_is_not_told_again(durable: Durable) -> None:

    def agent(run: Run) -> dict[str, Any]:
        run.emit("begun")
        run.gather("each", durable.note, ["a", "b"])
        run.step("after", durable.note, "after")
        return {}

    durable.result(agent)
    durable.result(agent)
    assert told(durable) == [("begun", None)]


def test_what_is_told_after_a_caught_failure_is_not_told_again(durable: Durable) -> None:
    def agent(run: Run) -> dict[str, Any]:
        try:
            run.step("try", lambda: 1 // 0)
        except ZeroDivisionError:
            run.emit("failed")
        run.step("after", durable.note, "after")
        return {}

    durable.result(agent)
    durable.result(agent)
    assert told(durable) == [("failed", None)]


def test_a_cursor_gives_what_was_told_after_it_and_pages_of_a_hundred(durable: Durable) -> None:
    def agent(run: Run) -> dict[str, Any]:
        for n in range(130):
            run.emit("n", n)
        return {}

    durable.result(agent)
    head = durable.store.find_head("acme", RUN)
    assert head is not None
    page = events_after(durable.store.table, head["pk"], head["birth"], "")
    assert [event["data"] for event in page] == list(range(100))
    assert told(durable, page[-1]["cursor"]) == [("n", n) for n in range(100, 130)]


@pytest.mark.parametrize("data", [object(), float("nan"), "x" * 33_000])
def test_an_event_that_cannot_be_told_is_an_error(durable: Durable, data: object) -> None:
    error = durable.work(lambda run: run.emit("progress", data) or {}).error
    assert "event 'progress'" in str(error)
    assert told(durable) == []
