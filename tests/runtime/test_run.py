from collections.abc import Callable
from typing import Any

import pytest

from agent_runtime.brake import engage, release
from agent_runtime.bundle import Bundle
from agent_runtime.entrypoints import Agent
from agent_runtime.errors import (
    Braked,
    LeaseLost,
    ModelCallLimitExceeded,
    ModelUnavailable,
    ResultNotJson,
    SecretNotDeclared,
    StepLimitExceeded,
    StepMismatch,
)
from agent_runtime.outcomes import RunOutcome
from agent_runtime.records import RunRequest, RunStatus, Usage
from agent_runtime.run import Run

ASK: list[Any] = [{"role": "user", "content": "why?"}]
Execute = Callable[..., RunOutcome]


@pytest.fixture
def execute(aws: Any, model: Any, make_bundle: Callable[..., Bundle]) -> Execute:
    """Run an agent; each call with the same run id is the same run."""

    def run(agent: Agent, run_id: str = "0" * 32, **bundle: Any) -> RunOutcome:
        runner = aws.runner(agent, model, make_bundle(**bundle))
        request = RunRequest(run_id, "acme", {"question": "why?"}, "s-1")
        return runner.run(request, lease_seconds=30, remaining_seconds=lambda: 20.0)

    return run


def brake(aws: Any, reason: str = "spent") -> None:
    at = "2027-01-15T08:00:00.000Z"
    engage(aws.dynamodb, "control", "answers", reason=reason, engaged_by="a test", engaged_at=at)


def test_a_run_knows_its_input_tenant_session_and_bundle(execute: Execute) -> None:
    def agent(run: Run) -> dict[str, Any]:
        return {"seen": [run.input, run.tenant, run.session, run.run_id, run.bundle.entrypoint]}

    assert execute(agent).output == {"seen": [{"question": "why?"}, "acme", "s-1", "0" * 32, "agent:answer"]}


def test_a_step_gives_the_same_shape_whether_it_was_done_or_replayed(execute: Execute) -> None:
    seen: list[Any] = []

    def agent(run: Run) -> dict[str, Any]:
        seen.append(run.step("pair", lambda: (1, 2.5)))
        if len(seen) == 1:
            raise ValueError
        return {}

    assert execute(agent).status == RunStatus.FAILED
    assert execute(agent).steps == (("pair", True),)
    assert seen == [[1, 2.5], [1, 2.5]]


def test_a_step_that_comes_in_another_order_is_not_mistaken_for_the_recorded_one(execute: Execute) -> None:
    names = ["find", "read"]

    def agent(run: Run) -> dict[str, Any]:
        run.step(names.pop(0), lambda: 1)
        raise ValueError

    execute(agent)
    outcome = execute(agent)
    assert isinstance(outcome.error, StepMismatch)
    assert str(outcome.error) == "step 1 was 'find' and is now 'read': the code changed order"


def test_steps_are_limited_by_the_manifest(execute: Execute, aws: Any) -> None:
    def agent(run: Run) -> dict[str, Any]:
        while True:
            run.step("again", lambda: 1)

    outcome = execute(agent, max_steps=3)
    assert isinstance(outcome.error, StepLimitExceeded)
    assert len(aws.steps("0" * 32)) == 3


def test_a_step_inside_a_step_is_a_step_of_its_own(execute: Execute) -> None:
    outcome = execute(lambda run: {"x": run.step("outer", lambda: run.step("inner", lambda: 1))})
    assert (outcome.output, outcome.steps) == ({"x": 1}, (("inner", False), ("outer", False)))


@pytest.mark.parametrize("value", [object(), {1, 2}, float("nan"), b"bytes"])
def test_a_result_that_is_not_json_is_named_by_its_step(execute: Execute, value: object) -> None:
    outcome = execute(lambda run: {"x": run.step("odd", lambda: value)})
    assert isinstance(outcome.error, ResultNotJson)
    assert "step 'odd'" in str(outcome.error)


def test_an_agent_that_returns_no_dict_has_failed(execute: Execute) -> None:
    assert isinstance(execute(lambda run: "text").error, ResultNotJson)


def test_a_model_call_is_a_step_and_its_replay_costs_nothing(execute: Execute, model: Any) -> None:
    attempts: list[str] = []

    def agent(run: Run) -> dict[str, Any]:
        reply = run.model(name="answer", system="Be brief.", messages=ASK)
        attempts.append(reply.text)
        if len(attempts) == 1:
            raise ValueError
        return {"answer": reply.text, "cost": reply.cost_usd}

    first, second = execute(agent), execute(agent)
    assert second.output == {"answer": "an answer", "cost": 0.0002}
    assert len(model.requests) == 1
    assert first.spent == second.usage == Usage(100, 10, 0.0002, 1)
    assert second.spent == Usage()


def test_a_model_call_inside_a_step_is_a_part_of_that_step(execute: Execute, model: Any) -> None:
    attempts: list[int] = []

    def agent(run: Run) -> dict[str, Any]:
        text = run.step("write", lambda: run.model(messages=ASK).text)
        attempts.append(1)
        if len(attempts) == 1:
            raise ValueError
        return {"text": text}

    execute(agent)
    outcome = execute(agent)
    assert outcome.steps == (("write", True),)
    assert outcome.usage == Usage(100, 10, 0.0002, 1)
    assert len(model.requests) == 1


def test_model_calls_are_limited_and_replayed_ones_count(execute: Execute, model: Any) -> None:
    def agent(run: Run) -> dict[str, Any]:
        for _ in range(5):
            run.model(messages=ASK)
        return {}

    assert isinstance(execute(agent, max_model_calls=2).error, ModelCallLimitExceeded)
    assert isinstance(execute(agent, max_model_calls=2).error, ModelCallLimitExceeded)
    assert len(model.requests) == 2


def test_more_tokens_than_the_manifest_allows_are_not_asked_for(execute: Execute, model: Any) -> None:
    outcome = execute(lambda run: {"x": run.model(messages=ASK, max_output_tokens=1025).text})
    assert isinstance(outcome.error, ModelCallLimitExceeded)
    assert model.requests == []


def test_a_braked_agent_begins_no_run(execute: Execute, aws: Any) -> None:
    brake(aws, "80 dollars are spent")
    with pytest.raises(Braked, match="80 dollars are spent"):
        execute(lambda run: {})
    assert aws.items() == []


def test_a_running_run_stops_at_its_next_step_and_goes_on_after_the_release(
    execute: Execute, aws: Any
) -> None:
    done: list[str] = []

    def agent(run: Run) -> dict[str, Any]:
        run.step("first", lambda: done.append("first"))
        if len(done) == 1:
            brake(aws)
            aws.clock.now += 6
        run.step("second", lambda: done.append("second"))
        return {"done": done}

    stopped = execute(agent)
    assert (stopped.status, done) == (RunStatus.PARKED, ["first"])
    assert aws.store().get_run("acme", "0" * 32).error == "the brake is engaged: spent"
    later = "2027-01-15T09:00:00.000Z"
    release(aws.dynamodb, "control", "answers", released_by="a person", released_at=later)
    aws.clock.now += 6
    assert execute(agent).output == {"done": ["first", "second"]}


def test_an_agent_cannot_swallow_the_brake(execute: Execute, aws: Any, model: Any) -> None:
    def agent(run: Run) -> dict[str, Any]:
        brake(aws)
        aws.clock.now += 6
        for _ in range(2):
            try:
                run.model(messages=ASK)
            except Braked:
                continue
        return {"answer": "made up"}

    outcome = execute(agent)
    assert (outcome.status, outcome.output) == (RunStatus.PARKED, None)
    assert model.requests == []


def test_an_unavailable_model_parks_the_run(execute: Execute, model: Any) -> None:
    model.answers = [ModelUnavailable("down", retry_after_seconds=60), "back"]

    def agent(run: Run) -> dict[str, Any]:
        return {"text": run.model(messages=ASK).text}

    assert execute(agent).status == RunStatus.PARKED
    assert execute(agent).output == {"text": "back"}


def test_a_fenced_worker_stops_and_leaves_the_run_to_the_other(execute: Execute, aws: Any) -> None:
    calls: list[str] = []

    def agent(run: Run) -> dict[str, Any]:
        calls.append("begun")
        if len(calls) == 1:
            aws.clock.now += 31
            execute(agent)
        try:
            run.step("only", lambda: 1)
        except LeaseLost:
            run.step("once more", lambda: 1)
        return {"by": len(calls)}

    with pytest.raises(LeaseLost):
        execute(agent)
    assert aws.store().get_run("acme", "0" * 32).output == {"by": 2}
    assert len(aws.steps("0" * 32)) == 1


def test_a_secret_reaches_the_agent_and_nothing_that_is_kept(
    execute: Execute, aws: Any, caplog: pytest.LogCaptureFixture
) -> None:
    def agent(run: Run) -> dict[str, Any]:
        secret = run.secret("model-api-key")
        shown = [str(secret), repr(secret), f"{secret}", f"{secret:>40}"]
        raise RuntimeError(f"{shown} {secret.reveal()}")

    with caplog.at_level("INFO"):
        outcome = execute(agent)
    assert "sk-do-not-show-7f3a" in str(outcome.error)
    assert str(outcome.error).count("***") == 4
    assert "sk-do-not-show-7f3a" not in str(aws.items())
    assert aws.store().get_run("acme", "0" * 32).error == "RuntimeError"
    reads = [record for record in caplog.records if record.message == "secret read"]
    assert [(r.__dict__["secret"], r.__dict__["run_id"]) for r in reads] == [("model-api-key", "0" * 32)]


def test_a_secret_cannot_become_a_checkpoint(execute: Execute, aws: Any) -> None:
    outcome = execute(lambda run: {"x": run.step("leak", run.secret, "model-api-key")})
    assert isinstance(outcome.error, ResultNotJson)
    assert aws.steps("0" * 32) == []


def test_an_undeclared_secret_is_refused(execute: Execute) -> None:
    outcome = execute(lambda run: {"x": run.secret("other").reveal()})
    assert isinstance(outcome.error, SecretNotDeclared)
    assert "declared: model-api-key" in str(outcome.error)
