"""What a run tells of how it went."""

from collections.abc import Callable
from typing import Any

import pytest

from agent_runtime.approvals import Decision
from agent_runtime.bundle import Bundle, ModelSpec
from agent_runtime.checkpoints import CheckpointStore
from agent_runtime.errors import ModelUnavailable
from agent_runtime.models.client import Completion
from agent_runtime.outcomes import RunOutcome
from agent_runtime.people import decide
from agent_runtime.records import RunRequest, RunStatus, Usage
from agent_runtime.run import Run
from agent_runtime.traces import RunTrace, Tally
from tests.runtime.durable import Durable, Killed
from tests.runtime.faulty import FaultyClient

RUN = "1" * 32
ASKED = [{"role": "user", "content": "why?"}]
WINDOW = 1_000


class Turns:
    """Turns of one run, as a host takes them."""

    def __init__(
        self, aws: Any, faulty: FaultyClient, model: Any, make_bundle: Callable[..., Bundle]
    ) -> None:
        self.aws, self.faulty, self.model = aws, faulty, model
        self.store: CheckpointStore = aws.store(faulty)
        bundle = make_bundle()
        spec: ModelSpec = bundle.model.model_copy(update={"context_window_tokens": WINDOW})
        self.known, self.unknown = make_bundle(model=spec), bundle

    def take(self, agent: Callable[[Run], Any], bundle: Bundle | None = None) -> RunOutcome:
        runner = self.aws.runner(agent, self.model, bundle or self.known, self.store)
        request = RunRequest(RUN, "acme", {})
        return runner.run(request, lease_seconds=60, remaining_seconds=lambda: 60)

    def trace(self, agent: Callable[[Run], Any], bundle: Bundle | None = None) -> RunTrace:
        found = self.take(agent, bundle).trace
        assert found is not None
        return found


@pytest.fixture
def turns(aws: Any, faulty: FaultyClient, model: Any, make_bundle: Callable[..., Bundle]) -> Turns:
    return Turns(aws, faulty, model, make_bundle)


def broken(*_: Any) -> None:
    raise ValueError("no")


def caught(call: Callable[[], Any]) -> None:
    with pytest.raises(ValueError):
        call()


def test_steps_effects_and_parallel_items_are_calls_of_tools_and_model_calls_are_not(turns: Turns) -> None:
    def agent(run: Run) -> dict[str, Any]:
        run.step("find", lambda: 1)
        run.effect("send", lambda idempotency_key: idempotency_key)
        run.gather("each", lambda item: item, [1, 2, 3])
        run.model(messages=ASKED)
        run.step("ask", lambda: run.model(messages=ASKED).text)
        return {}

    found = turns.trace(agent)
    assert (found.tool_calls, found.tool_errors, found.quality) == (5, 0, 1.0)


def test_a_tool_that_raises_failed_although_the_agent_goes_on(turns: Turns) -> None:
    def agent(run: Run) -> dict[str, Any]:
        caught(lambda: run.step("find", broken))
        caught(lambda: run.effect("send", broken, takes_key=False))
        run.step("other", lambda: 1)
        return {}

    found = turns.trace(agent)
    assert (found.tool_calls, found.tool_errors) == (3, 2)


def test_a_failure_that_a_retry_mended_is_none(turns: Turns) -> None:
    tries = iter([OSError("reset"), None])

    def flaky() -> int:
        if (error := next(tries)) is not None:
            raise error
        return 1

    found = turns.trace(lambda run: {"found": run.step("find", flaky)})
    assert (found.tool_calls, found.tool_errors) == (1, 0)


def test_what_the_runtime_itself_refuses_is_no_failure_of_a_tool(turns: Turns) -> None:
    turns.model.answers = [ModelUnavailable("down", retry_after_seconds=60)]
    found = turns.trace(lambda run: {"text": run.model(messages=ASKED).text})
    assert (found.tool_calls, found.tool_errors) == (0, 0)


def test_the_largest_input_counts_against_the_window(turns: Turns) -> None:
    turns.model.answers = [Completion("a", tokens, 10) for tokens in (100, 640, 200)]

    def agent(run: Run) -> dict[str, Any]:
        return {"said": [run.model(messages=ASKED).text for _ in range(3)]}

    assert turns.trace(agent).context_utilisation == 0.64


def test_a_window_that_is_not_known_is_not_guessed(turns: Turns) -> None:
    found = turns.trace(lambda run: {"text": run.model(messages=ASKED).text}, turns.unknown)
    assert found.context_utilisation is None


def test_a_run_without_a_model_call_or_a_step_tells_neither(turns: Turns) -> None:
    assert turns.trace(lambda _: {}) == RunTrace()


def test_a_record_without_the_tokens_of_its_model_call_or_without_a_name_is_not_whole(turns: Turns) -> None:
    turns.model.answers = [Completion("a", 0, 10), Completion("a", 10, 10)]

    def agent(run: Run) -> dict[str, Any]:
        run.step("", lambda: 1)
        run.step("named", lambda: 1)
        return {"said": [run.model(messages=ASKED).text for _ in range(2)]}

    assert turns.trace(agent).quality == 0.5


def test_who_goes_on_with_a_run_knows_its_replayed_steps_and_counts_none_of_its_tools_again(
    durable: Durable,
) -> None:
    durable.model.answers = [Completion("a", 500, 10)]

    def agent(run: Run) -> dict[str, Any]:
        run.step("find", lambda: 1)
        run.model(messages=ASKED)
        if not durable.executed:
            durable.note("died")
            raise Killed
        run.step("last", lambda: 1)
        return {}

    assert durable.work(agent).run.progress.tally.trace(WINDOW, None).tool_calls == 1
    second = durable.work(agent).run.progress.tally.trace(WINDOW, None)
    assert second == RunTrace(tool_calls=1, context_utilisation=0.5, quality=1.0)


def test_the_time_to_the_first_question_is_told_once(turns: Turns) -> None:
    def agent(run: Run) -> dict[str, Any]:
        run.step("find", lambda: 1)
        turns.aws.clock.now += 2.5
        first = run.approve("pay", summary="Pay?", expires_in_seconds=10**9)
        return {"both": first and run.approve("send", summary="Send?", expires_in_seconds=10**9)}

    asked = turns.take(agent)
    assert asked.status is RunStatus.WAITING_APPROVAL
    assert asked.trace is not None
    assert asked.trace.escalated_after_ms == 2_500
    assert turns.trace(agent).escalated_after_ms is None  # the same question, asked for again
    decide(turns.store, "acme", RUN, (2,), Decision("approve", "a person"))
    second = turns.take(agent)
    assert second.status is RunStatus.WAITING_APPROVAL
    assert second.trace is not None
    assert second.trace.escalated_after_ms is None


def test_a_table_that_does_not_tell_of_questions_fails_no_run(turns: Turns) -> None:
    turns.faulty.lost["query"] = 3
    asked = turns.take(lambda run: {"yes": run.approve("pay", summary="Pay?")})
    assert asked.status is RunStatus.WAITING_APPROVAL
    assert asked.trace is not None
    assert asked.trace.escalated_after_ms is None


def test_a_run_that_was_done_before_tells_nothing_again(turns: Turns) -> None:
    turns.take(lambda run: {"found": run.step("find", lambda: 1)})
    again = turns.take(broken)
    assert (again.status, again.trace, again.lease) == (RunStatus.DONE, None, None)


def test_an_input_larger_than_the_window_that_was_told_fills_it() -> None:
    tally = Tally()
    tally.model_called(Usage(5_000, 1, 0.0, 1))
    assert tally.trace(1_000, None).context_utilisation == 1.0
