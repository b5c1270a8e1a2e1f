"""The seam through which a run tells of its spans; without a place to send them nothing is done at all."""

from contextlib import AbstractContextManager, nullcontext
from contextvars import ContextVar
from typing import Final, Protocol

from agent_runtime.records import RunRecord
from agent_runtime.telemetry.semantics import Attributes, Opening
from agent_runtime.telemetry.traceparent import TraceParent, of_run, parse

_NOTHING: Final = nullcontext()


def places(pk: str, birth: str, traceparent: str) -> tuple[TraceParent, TraceParent | None]:
    """The run's own span, and the caller's above it, if there is one; `traceparent` is what the caller sent.

    All workers of a run come to the same: it is never handed over, and so never lost.
    """
    own, caller = of_run(pk, birth), parse(traceparent)
    return (own if caller is None else TraceParent(caller.trace_id, own.span_id)), caller


class Spans(Protocol):
    """Opens and ends spans. No call raises because of where spans go."""

    @property
    def in_xray(self) -> bool:
        """Whether they are kept by X-Ray, beside those of Lambda itself."""
        ...

    def work(self, record: RunRecord, pk: str, birth: str, epoch: int) -> AbstractContextManager[object]:
        """One worker's time with a run, below the run's own span."""
        ...

    def open(self, opening: Opening) -> AbstractContextManager[object]:
        """A span below the one that is open; ended, with the error if there is one, when the block is."""
        ...

    def annotate(self, attributes: Attributes) -> None:
        """More of the span that is open."""
        ...

    def ended(self, record: RunRecord, pk: str, birth: str, attributes: Attributes, error: str) -> None:
        """Tell the run's own span, from its creation until now. `error` is empty for a run that is done."""
        ...

    def traceparent(self) -> str:
        """Header for what is called from here; empty where no trace goes on."""
        ...

    def flush(self, seconds: float) -> None:
        """Send what has ended, for so long at most."""
        ...


class _NoSpans:
    in_xray = False

    def work(self, record: RunRecord, pk: str, birth: str, epoch: int) -> AbstractContextManager[object]:  # noqa: ARG002
        return _NOTHING

    def open(self, opening: Opening) -> AbstractContextManager[object]:  # noqa: ARG002
        return _NOTHING

    def annotate(self, attributes: Attributes) -> None:
        pass

    def ended(self, record: RunRecord, pk: str, birth: str, attributes: Attributes, error: str) -> None:
        pass

    def traceparent(self) -> str:
        return ""

    def flush(self, seconds: float) -> None:
        pass


NO_SPANS: Final[Spans] = _NoSpans()
current_spans: ContextVar[Spans] = ContextVar("current_spans", default=NO_SPANS)
"""Those of the run that the thread works on: steps, models and tools open theirs without being handed it."""


def open_span(opening: Opening) -> AbstractContextManager[object]:
    """A span of the run that is being worked on, if that one is traced."""
    return current_spans.get().open(opening)


def annotate(attributes: Attributes) -> None:
    """More of the span that is open here."""
    current_spans.get().annotate(attributes)


def traceparent() -> str:
    """Header of the W3C for what is called from here; empty where no trace goes on."""
    return current_spans.get().traceparent()
