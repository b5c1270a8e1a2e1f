"""Spans by OpenTelemetry's SDK. Imported only where an agent declares where its spans go: it costs as much as
boto3."""

import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace import (
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    set_span_in_context,
)

from agent_runtime.records import RunRecord
from agent_runtime.telemetry import semantics
from agent_runtime.telemetry.here import SpanIds, current_span
from agent_runtime.telemetry.semantics import Attributes, Opening
from agent_runtime.telemetry.spans import places
from agent_runtime.telemetry.traceparent import TraceParent

MOST_WAITING: Final = 2_048
MOST_AT_ONCE: Final = 512
"""Spans of one request: of some hundred bytes each, far below the 5 MB that X-Ray takes:
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch-OTLPEndpoint.html"""
SEND_EVERY_MS: Final = 5_000
_wanted: ContextVar[TraceParent | None] = ContextVar("_wanted", default=None)


class OtelSpans:
    """Spans of one agent's runs. `exporter` gets them in batches, on a thread of its own."""

    def __init__(
        self,
        exporter: SpanExporter,
        *,
        agent: str,
        bundle_id: str,
        environment: str = "",
        host: str = "",
        share: float = 1.0,
        in_xray: bool = False,
    ) -> None:
        self.in_xray: Final = in_xray
        self._agent, self._bundle_id = agent, bundle_id
        self._sampler = TraceIdRatioBased(share)
        named = {
            "service.name": agent,
            "service.version": bundle_id,
            "deployment.environment.name": environment,
            "agent_hosting.host": host,
        }
        self.provider: Final = TracerProvider(
            sampler=ParentBased(root=self._sampler),
            resource=Resource.create({name: value for name, value in named.items() if value}),
            id_generator=_Ids(),
            shutdown_on_exit=False,
        )
        self._processor = BatchSpanProcessor(
            exporter,
            max_queue_size=MOST_WAITING,
            max_export_batch_size=MOST_AT_ONCE,
            schedule_delay_millis=SEND_EVERY_MS,
        )
        self.provider.add_span_processor(self._processor)
        self._tracer = self.provider.get_tracer("agent_runtime")

    @contextmanager
    def work(self, record: RunRecord, pk: str, birth: str, epoch: int) -> Generator[None]:
        own, _ = places(pk, birth, record.traceparent)
        with self._opened(semantics.work(record, epoch), self._below(own)):
            yield

    @contextmanager
    def open(self, opening: Opening) -> Generator[None]:
        with self._opened(opening, None):
            yield

    def annotate(self, attributes: Attributes) -> None:
        trace.get_current_span().set_attributes(dict(attributes))

    def ended(self, record: RunRecord, pk: str, birth: str, attributes: Attributes, error: str) -> None:
        own, caller = places(pk, birth, record.traceparent)
        opening = semantics.run(self._agent, self._bundle_id, record)
        token = _wanted.set(own)
        try:
            span = self._tracer.start_span(
                opening.name,
                context=Context() if caller is None else self._below(caller),
                kind=SpanKind.SERVER,
                attributes={**opening.attributes, **attributes},
                start_time=record.created_at * 1_000_000,
            )
        finally:
            _wanted.reset(token)
        if error:
            span.set_attribute("error.type", error)
            span.set_status(Status(StatusCode.ERROR))
        # Clocks of machines differ: a run does not end before it began.
        span.end(max(time.time_ns(), record.created_at * 1_000_000))

    def traceparent(self) -> str:
        held = trace.get_current_span().get_span_context()
        if not held.is_valid:
            return ""
        return f"00-{held.trace_id:032x}-{held.span_id:016x}-{held.trace_flags:02x}"

    def flush(self, seconds: float) -> None:
        sending = threading.Thread(target=self._processor.force_flush, name="spans", daemon=True)
        sending.start()
        sending.join(max(0.0, seconds))

    @contextmanager
    def _opened(self, opening: Opening, parent: Context | None) -> Generator[None]:
        kind = SpanKind.CLIENT if opening.calls_out else SpanKind.INTERNAL
        span = self._tracer.start_span(
            opening.name, context=parent, kind=kind, attributes=dict(opening.attributes)
        )
        held = span.get_span_context()
        token = otel_context.attach(set_span_in_context(span))
        ids = current_span.set(SpanIds(f"{held.trace_id:032x}", f"{held.span_id:016x}"))
        try:
            yield
        except BaseException as error:
            told = semantics.ended_by(error)
            span.set_attributes(told)
            if "error.type" in told:
                span.set_status(Status(StatusCode.ERROR))
            raise
        finally:
            current_span.reset(ids)
            otel_context.detach(token)
            span.end()

    def _below(self, parent: TraceParent) -> Context:
        """Under a span that is told elsewhere, or later. Whether a run is traced its trace's id says, so that
        all of its workers, and all agents of one share, decide alike."""
        trace_id = int(parent.trace_id, 16)
        is_sampled = self._sampler.should_sample(None, trace_id, "").decision.is_sampled()
        flags = TraceFlags(TraceFlags.SAMPLED if is_sampled else TraceFlags.DEFAULT)
        held = SpanContext(trace_id, int(parent.span_id, 16), is_remote=True, trace_flags=flags)
        return set_span_in_context(NonRecordingSpan(held), Context())


class _Ids(RandomIdGenerator):
    """Random, but for the span of a run itself."""

    def generate_span_id(self) -> int:
        wanted = _wanted.get()
        return super().generate_span_id() if wanted is None else int(wanted.span_id, 16)

    def generate_trace_id(self) -> int:
        wanted = _wanted.get()
        return super().generate_trace_id() if wanted is None else int(wanted.trace_id, 16)
