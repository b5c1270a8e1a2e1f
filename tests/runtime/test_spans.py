"""What a run tells of itself in spans, as whoever looks at its trace sees it."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.semconv._incubating.attributes import gen_ai_attributes as conventions
from opentelemetry.trace import SpanKind, StatusCode

from agent_runtime import tool
from agent_runtime.approvals import Decision
from agent_runtime.checkpoints import CheckpointStore
from agent_runtime.errors import ModelUnavailable
from agent_runtime.outcomes import RunOutcome
from agent_runtime.people import decide
from agent_runtime.records import RunRecord, RunRequest, RunStatus, Usage
from agent_runtime.run import Run
from agent_runtime.telemetry import semantics
from agent_runtime.telemetry.otel import OtelSpans
from agent_runtime.telemetry.traceparent import TraceParent, of_run
from agent_runtime.telemetry.working import tell_end
from agent_runtime.tool_spec import ToolSpec
from tests.runtime.lambdas import Api, Event

RUN = "1" * 32
CALLER = TraceParent("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7")
USAGE = Usage(1, 2, 0.1, 1)
RECORD = RunRecord(RUN, "acme", "s-1", RunStatus.DONE, "b", {}, 0, 0)
ASKED = [{"role": "user", "content": "why? ada@example.com"}]


class Traced:
    """Runs whose spans are kept."""

    def __init__(self, aws: Any, model: Any, bundle: Any, share: float = 1.0, **more: Any) -> None:
        self.aws, self.model, self.bundle = aws, model, bundle
        self.store: CheckpointStore = aws.store()
        self.kept = InMemorySpanExporter()
        self.spans = OtelSpans(
            self.kept, agent="answers", bundle_id=bundle.bundle_id, environment="dev", share=share, **more
        )

    def run(self, agent: Callable[[Run], Any], run_id: str = RUN, caller: str = "") -> RunOutcome:
        runner = self.aws.runner(agent, self.model, self.bundle, self.store, spans=self.spans)
        request = RunRequest(run_id, "acme", {}, traceparent=caller)
        outcome = runner.run(request, lease_seconds=60, remaining_seconds=lambda: 60)
        tell_end(self.spans, outcome, failed=outcome.status.value == "FAILED")
        return outcome

    def told(self) -> dict[str, ReadableSpan]:
        self.spans.flush(10)
        return {span.name: span for span in self.kept.get_finished_spans()}

    def place(self) -> TraceParent:
        head = self.store.find_head("acme", RUN)
        assert head is not None
        return of_run(head["pk"], head["birth"])


@pytest.fixture
def traced(aws: Any, model: Any, make_bundle: Any) -> Iterator[Traced]:
    made = Traced(aws, model, make_bundle())
    yield made
    made.spans.provider.shutdown()


def ids(span: ReadableSpan) -> TraceParent:
    context = span.context
    assert context is not None
    return TraceParent(f"{context.trace_id:032x}", f"{context.span_id:016x}")


def above(span: ReadableSpan) -> str | None:
    return None if span.parent is None else f"{span.parent.span_id:016x}"


def whole(run: Run) -> dict[str, Any]:
    run.step("find", lambda: run.model(messages=ASKED).text)
    run.gather("each", lambda item: item, ["a", "b"])
    run.effect("send", lambda idempotency_key: None)
    return {}


def test_a_run_is_a_tree_of_its_work_its_steps_and_their_model_calls(traced: Traced) -> None:
    traced.run(whole)
    told = traced.told()
    assert set(told) == {
        *("invoke_agent answers", "work", "step find", "chat embedded-v1"),
        *("step each[0]", "step each[1]", "effect send"),
    }
    root, work = told["invoke_agent answers"], told["work"]
    assert ids(root) == traced.place()
    assert above(root) is None
    assert above(work) == ids(root).span_id
    assert {above(told[f"step each[{n}]"]) for n in (0, 1)} == {ids(work).span_id}
    assert above(told["chat embedded-v1"]) == ids(told["step find"]).span_id
    assert {ids(span).trace_id for span in told.values()} == {traced.place().trace_id}


def test_a_model_call_carries_the_conventions_and_no_word_of_what_was_said(traced: Traced) -> None:
    traced.model.answers = ["the answer is secret"]
    traced.run(whole)
    told = traced.told()
    chat, root = told["chat embedded-v1"], told["invoke_agent answers"]
    assert chat.kind is SpanKind.CLIENT
    assert dict(chat.attributes or {}) == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "embedded-v1",
        "gen_ai.request.max_tokens": 1024,
        "gen_ai.response.model": "embedded-v1",
        "gen_ai.usage.input_tokens": 100,
        "gen_ai.usage.output_tokens": 10,
        "agent_hosting.cost_usd": 0.0002,
    }
    attributes = root.attributes or {}
    assert attributes["gen_ai.usage.input_tokens"] == 100
    assert attributes["agent_hosting.run.status"] == "DONE"
    assert attributes["gen_ai.agent.version"] == traced.bundle.bundle_id
    everything = repr([dict(span.attributes or {}) for span in told.values()])
    assert "secret" not in everything
    assert "why" not in everything


@tool
def look(word: str) -> str:
    return word


def test_a_call_of_a_tool_is_a_span_in_its_step_and_tells_no_argument(
    traced: Traced, make_bundle: Any
) -> None:
    traced.bundle = make_bundle(tools=(ToolSpec(name="look", effect="read"),))

    def agent(run: Run) -> dict[str, Any]:
        return {"found": run.tool("look", word="private")}

    traced.run(agent)
    told = traced.told()
    called = told["execute_tool look"]
    assert above(called) == ids(told["step look"]).span_id
    assert dict(called.attributes or {}) == {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": "look",
        "gen_ai.tool.type": "function",
    }


def test_our_names_are_those_of_the_conventions() -> None:
    known = {value for name, value in vars(conventions).items() if name.startswith("GEN_AI_")}
    spec_free = [semantics.tool("search", "c-1"), semantics.run("a", "b", RECORD)]
    used = {name for opening in spec_free for name in opening.attributes if name.startswith("gen_ai.")}
    used |= {name for name in semantics.run_ended("DONE", USAGE, 1) if name.startswith("gen_ai.")}
    assert used
    assert used <= known | {"gen_ai.agent.version"}  # of a later version of the conventions
    operations = {held.value for held in conventions.GenAiOperationNameValues}
    assert {"chat", "execute_tool", "invoke_agent"} <= operations
    assert set(semantics._PROVIDERS.values()) <= {held.value for held in conventions.GenAiProviderNameValues}


def test_a_callers_trace_goes_on_in_the_run_and_in_what_the_run_calls(traced: Traced) -> None:
    sent: list[str] = []

    def agent(run: Run) -> dict[str, Any]:
        run.step("call", lambda: sent.append(run.traceparent()))
        return {}

    traced.run(agent, caller=CALLER.header())
    told = traced.told()
    root, step = told["invoke_agent answers"], told["step call"]
    assert above(root) == CALLER.span_id
    assert {ids(span).trace_id for span in told.values()} == {CALLER.trace_id}
    assert ids(root).span_id == traced.place().span_id
    assert sent == [ids(step).header()]


def test_a_run_that_waits_and_goes_on_elsewhere_is_one_trace(traced: Traced) -> None:
    def agent(run: Run) -> dict[str, Any]:
        run.step("find", lambda: 1)
        run.approve("publish", summary="to everyone", expires_in_seconds=1e9)
        return {}

    waiting = traced.run(agent)
    assert waiting.error is not None
    asked = waiting.error.asked  # type: ignore[attr-defined]
    first = traced.told()
    assert "invoke_agent answers" not in first
    assert first["step publish"].status.status_code is StatusCode.UNSET
    assert (first["step publish"].attributes or {})["agent_hosting.suspended"] == "WAITING_APPROVAL"
    decide(traced.store, "acme", RUN, asked, Decision("approve", "ada"))
    traced.kept.clear()
    traced.run(agent)
    told = traced.told()
    assert "step find" not in told  # it was done before
    assert (told["step publish"].attributes or {})["agent_hosting.approval.verdict"] == "approve"
    assert above(told["work"]) == above(first["work"]) == ids(told["invoke_agent answers"]).span_id
    assert ids(told["work"]).span_id != ids(first["work"]).span_id


def test_of_an_error_the_class_is_told_and_not_its_text(traced: Traced) -> None:
    def agent(run: Run) -> dict[str, Any]:
        run.step("find", fails)
        return {}

    def fails() -> None:
        raise ValueError("the password is hunter2")

    traced.run(agent)
    told = traced.told()
    for name in ("step find", "work", "invoke_agent answers"):
        assert (told[name].attributes or {})["error.type"] == "ValueError"
        assert (told[name].status.status_code, told[name].status.description) == (StatusCode.ERROR, None)
        assert not told[name].events


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_a_share_of_the_runs_is_traced_each_wholly_or_not_at_all(
    aws: Any, model: Any, make_bundle: Any, share: float
) -> None:
    traced = Traced(aws, model, make_bundle(), share=share)

    def agent(run: Run) -> dict[str, Any]:
        run.step("find", lambda: 1)
        return {}

    try:
        for number in range(16):
            traced.run(agent, f"{number:032x}", caller=f"00-{number:x}{'8' * 31}-{'1' * 16}-00")
        traced.spans.flush(10)
        by_trace: dict[str, set[str]] = {}
        for span in traced.kept.get_finished_spans():
            by_trace.setdefault(ids(span).trace_id, set()).add(span.name)
    finally:
        traced.spans.provider.shutdown()
    assert all(names == {"invoke_agent answers", "work", "step find"} for names in by_trace.values())
    # The sampler looks at the lower half of a trace's id, which is the same in all of these.
    assert len(by_trace) == {0.0: 0, 0.5: 0, 1.0: 16}[share]


class Broken(SpanExporter):
    def export(self, spans: Any) -> SpanExportResult:
        raise OSError("nobody is there")

    def shutdown(self) -> None:
        pass


@pytest.mark.filterwarnings("ignore")
def test_a_place_that_takes_no_spans_fails_no_run(aws: Any, model: Any, make_bundle: Any) -> None:
    traced = Traced(aws, model, make_bundle())
    traced.spans = OtelSpans(Broken(), agent="answers", bundle_id="b")
    assert traced.run(whole).status.value == "DONE"
    traced.spans.flush(10)
    traced.spans.provider.shutdown()


LAMBDAS = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"


@pytest.mark.parametrize("in_xray", [True, False])
def test_a_turn_on_lambda_stands_below_lambdas_own_span_where_both_go_to_xray(
    api: Api, http_event: Event, in_xray: bool
) -> None:
    traced = Traced(api.aws, api.model, api.bundle, in_xray=in_xray)
    api.spans, api.environ = traced.spans, {"_X_AMZN_TRACE_ID": LAMBDAS}
    api.model.answers = [ModelUnavailable("down", retry_after_seconds=60)]
    assert api(http_event(body={"input": {"question": "why?"}}))[0] == 503
    kept = {span.name: span for span in traced.kept.get_finished_spans()}  # sent before the answer
    assert above(kept["invoke_agent answers"]) == ("53995c3f42cd8ad8" if in_xray else None)
    assert (kept["chat embedded-v1"].attributes or {})["error.type"] == "ModelUnavailable"
    traced.spans.provider.shutdown()


def test_an_http_callers_header_is_kept_with_the_run(api: Api, http_event: Event) -> None:
    headers = {"traceparent": CALLER.header(), "idempotency-key": "k"}
    _, body, _ = api(http_event(body={"input": {"question": "why?"}}, headers=headers))
    record = api.aws.store().get_run("acme", body["run_id"])
    assert record.traceparent == CALLER.header()
