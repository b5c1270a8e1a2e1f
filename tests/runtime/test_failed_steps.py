"""Steps that failed: caught by the agent, replayed as they were, or not written at all."""

import sys
from types import ModuleType
from typing import Any

import pytest

from agent_runtime.errors import CheckpointUnavailable, StepMismatch
from agent_runtime.run import Run
from tests.runtime.durable import Durable, Killed


class Refused(Exception):
    """An error of the agent's own that takes more than a text."""

    def __init__(self, code: int, *, reason: str) -> None:
        super().__init__(code, reason)


@pytest.mark.parametrize(
    ("error", "caught"), [(ValueError("no"), ValueError), (Refused(3, reason="closed"), Refused)]
)
def test_a_failure_that_the_agent_caught_is_replayed_as_the_same_class(
    durable: Durable, error: Exception, caught: type[Exception]
) -> None:
    def fail() -> None:
        durable.note("tried")
        raise error

    def agent(run: Run) -> dict[str, Any]:
        try:
            run.step("try", fail)
        except caught:
            found = run.step("instead", durable.note, "instead")
        if len(durable.executed) == 2 and durable.executed["end"] == 0:
            durable.note("end")
            raise Killed
        return {"found": found}

    durable.work(agent)
    assert durable.result(agent) == {"found": "instead"}
    assert durable.executed == {"tried": 1, "instead": 1, "end": 1}
    assert durable.items()["000001"]["failed"] == {"S": f"{caught.__module__}:{caught.__qualname__}"}
    assert "no" not in str(durable.items())


def test_a_failure_nobody_caught_is_no_step_and_is_tried_again(durable: Durable) -> None:
    def agent(run: Run) -> dict[str, Any]:
        return {"found": run.step("try", lambda: durable.note("tried") if durable.executed["x"] else 1 // 0)}

    assert isinstance(durable.work(agent).error, ZeroDivisionError)
    assert durable.items() == {}
    durable.note("x")
    assert durable.result(agent) == {"found": "tried"}


def test_a_class_that_is_gone_stops_the_replay_instead_of_being_mistaken(durable: Durable) -> None:
    class Local(Exception):
        pass

    def fail() -> None:
        raise Local

    def agent(run: Run) -> dict[str, Any]:
        try:
            run.step("try", fail)
        except Local:
            return {"found": run.step("instead", lambda: 1)}
        return {}

    durable.work(agent)
    assert isinstance(durable.work(agent).error, StepMismatch)


def test_a_failure_is_replayed_in_a_process_that_has_not_imported_its_class_yet(
    durable: Durable, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    (tmp_path / "lazy_library.py").write_text("class Busy(Exception):\n    pass\n")
    monkeypatch.syspath_prepend(tmp_path)

    def library() -> ModuleType:
        import lazy_library  # pyright: ignore[reportMissingImports]

        return lazy_library

    def fail() -> None:
        raise library().Busy

    def agent(run: Run) -> dict[str, Any]:
        try:
            run.step("try", fail)
        except Exception as error:
            return {"caught": isinstance(error, library().Busy), "found": run.step("instead", lambda: 1)}
        return {}

    durable.work(agent)
    monkeypatch.delitem(sys.modules, "lazy_library")
    assert durable.result(agent) == {"caught": True, "found": 1}


def test_a_step_that_could_not_be_written_stops_the_run_even_if_the_agent_caught_it(durable: Durable) -> None:

    def never(request: dict[str, Any]) -> None:
        if request["Item"].get("name") == {"S": "first"}:
            request["TableName"] = "elsewhere"

    def agent(run: Run) -> dict[str, Any]:
        for name in ("first", "second"):
            try:
                run.step(name, durable.note, name)
            except Exception:
                continue
        return {}

    durable.faulty.before["put_item"] = never
    with pytest.raises(CheckpointUnavailable):
        durable.work(agent)
    assert durable.executed == {"first": 1}
