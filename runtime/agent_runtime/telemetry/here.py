"""Which run and which span the code is in, for whatever is written meanwhile: each thread of a run knows."""

from contextvars import ContextVar
from dataclasses import dataclass

from agent_runtime.scopes import current_scope


@dataclass(frozen=True)
class Here:
    """The run that is being worked on."""

    run_id: str
    tenant: str


@dataclass(frozen=True)
class SpanIds:
    """The span that is open, in hexadecimal digits as W3C writes them."""

    trace_id: str
    span_id: str


current_run: ContextVar[Here | None] = ContextVar("current_run", default=None)
current_span: ContextVar[SpanIds | None] = ContextVar("current_span", default=None)


def fields() -> dict[str, str]:
    """What a log line that is written here carries: run, tenant and step, and the span where there is one."""
    run, span, scope = current_run.get(), current_span.get(), current_scope.get()
    found: dict[str, str] = {}
    if run is not None:
        found |= {"run_id": run.run_id, "tenant": run.tenant}
    if scope is not None and scope.name:
        found["step"] = scope.name
    if span is not None:
        found |= {"trace_id": span.trace_id, "span_id": span.span_id}
    return found
