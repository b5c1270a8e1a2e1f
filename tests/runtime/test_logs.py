import io
import json
import logging
from typing import Any

from agent_runtime.logs import JsonFormatter, log_agent_alike, log_to
from agent_runtime.records import RunRequest
from agent_runtime.run import Run
from agent_runtime.telemetry.redaction import Redactor

RUN = "1" * 32


def lines_of(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_of_the_agents_own_code_names_its_run_step_and_bundle(
    aws: Any, model: Any, make_bundle: Any
) -> None:
    stream, bundle = io.StringIO(), make_bundle()
    log_to(stream, agent="answers", bundle=bundle.bundle_id)
    log_agent_alike()
    own = logging.getLogger("my.agent")

    def agent(run: Run) -> dict[str, Any]:
        own.warning("before")
        run.step("find", lambda: own.warning("found by %s", "ada@example.com"))
        run.gather("each", lambda item: own.warning("item %s", item), ["a"])
        return {}

    runner = aws.runner(agent, model, bundle)
    runner.run(RunRequest(RUN, "acme", {}), lease_seconds=60, remaining_seconds=lambda: 60)
    own.warning("after")
    written = [line for line in lines_of(stream) if line["logger"] == "my.agent"]
    assert [(line["message"], line.get("run_id"), line.get("step")) for line in written] == [
        ("before", RUN, None),
        ("found by [redacted:email]", RUN, "find"),
        ("item a", RUN, "each[0]"),
        ("after", None, None),
    ]
    assert {line["bundle"] for line in written} == {bundle.bundle_id}
    assert {line.get("tenant") for line in written} == {"acme", None}


def formatted(message: str, redactor: Redactor | None = None, **extra: Any) -> dict[str, Any]:
    record = logging.makeLogRecord({"msg": message, "levelname": "INFO", "name": "a", **extra})
    return json.loads(JsonFormatter({}, redactor).format(record))


def test_declared_patterns_are_taken_out_of_messages_and_fields_alike() -> None:
    line = formatted("acct_1", Redactor(["acct_[0-9]+"]), told={"to": ["acct_2", 3]}, path="acct_4")
    assert (line["message"], line["told"], line["path"]) == (
        "[redacted]",
        {"to": ["[redacted]", 3]},
        "[redacted]",
    )


def test_an_object_that_json_does_not_know_is_redacted_as_its_text() -> None:
    class Customer:
        def __str__(self) -> str:
            return "ada@example.com"

    assert formatted("seen", who=Customer())["who"] == "[redacted:email]"
