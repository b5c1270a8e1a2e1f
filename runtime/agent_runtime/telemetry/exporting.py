"""Where spans go: OTLP over HTTP as JSON, redacted on this side, signed where AWS takes them."""

import logging
import os
import threading
from collections.abc import Callable, Sequence
from typing import Any, Final

from opentelemetry.exporter.http.transport._base import BaseHTTPResult
from opentelemetry.exporter.http.transport._urllib3 import Urllib3HTTPTransport
from opentelemetry.exporter.otlp.common.http import Compression
from opentelemetry.exporter.otlp.json.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.util.re import parse_env_headers

from agent_runtime.errors import SecretUnavailable
from agent_runtime.secrets import SecretReader
from agent_runtime.telemetry.otel import OtelSpans
from agent_runtime.telemetry.redaction import Redactor
from agent_runtime.telemetry.spec import XRAY, ObserveSpec, TracesSpec

_log = logging.getLogger("agent_runtime.telemetry.exporting")
SEND_SECONDS: Final = 4.0
"""For one batch with its retries. Spans that are not taken by then are dropped: no run waits for them."""


def spans_of(
    observe: ObserveSpec,
    traces: TracesSpec,
    secrets: SecretReader,
    *,
    agent: str,
    bundle_id: str,
    environment: str,
) -> OtelSpans:
    """The spans of an agent, sent where `traces` says."""
    _log_as_ours()
    return OtelSpans(
        RedactedExporter(_Sender(traces, secrets), observe.redactor()),
        agent=agent,
        bundle_id=bundle_id,
        environment=environment,
        host=observe.host,
        share=traces.share,
        in_xray=traces.endpoint == XRAY,
    )


class RedactedExporter(SpanExporter):
    """Hands spans on without what nobody is to read: names, attributes, events and the text of a status."""

    def __init__(self, exporter: SpanExporter, redactor: Redactor) -> None:
        self._exporter, self._redactor = exporter, redactor

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        return self._exporter.export([self._redacted(span) for span in spans])

    def shutdown(self) -> None:
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return self._exporter.force_flush(timeout_millis)

    def _redacted(self, span: ReadableSpan) -> ReadableSpan:
        events = [
            Event(self._redactor.text(event.name), self._attributes(event.attributes), event.timestamp)
            for event in span.events
        ]
        status = span.status
        if status.description:
            status = type(status)(status.status_code, self._redactor.text(status.description))
        return ReadableSpan(
            name=self._redactor.text(span.name),
            context=span.context,
            parent=span.parent,
            resource=span.resource,
            attributes=self._attributes(span.attributes),
            events=events,
            links=span.links,
            kind=span.kind,
            status=status,
            start_time=span.start_time,
            end_time=span.end_time,
            instrumentation_scope=span.instrumentation_scope,
        )

    def _attributes(self, attributes: Any) -> dict[str, Any]:
        return self._redactor.value(dict(attributes or {}))


class _Sender(SpanExporter):
    """Sends to one endpoint. Its secret is read when the first spans are sent, and anew after a refusal: no
    run waits for it, and a rotated one is found."""

    def __init__(self, traces: TracesSpec, secrets: SecretReader) -> None:
        self._traces, self._secrets = traces, secrets
        self._lock = threading.Lock()
        self._exporter: OTLPSpanExporter | None = None

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        with self._lock:
            try:
                exporter = self._exporter or self._made(refresh=False)
                found = exporter.export(spans)
                if found is not SpanExportResult.SUCCESS and self._traces.headers_secret:
                    found = self._made(refresh=True).export(spans)
            except SecretUnavailable as error:
                _log.warning("spans not sent", exc_info=error)
                return SpanExportResult.FAILURE
        return found

    def shutdown(self) -> None:
        if self._exporter is not None:
            self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:  # noqa: ARG002  nothing is held back here
        return True

    def _made(self, *, refresh: bool) -> OTLPSpanExporter:
        headers: dict[str, str] = {}
        if self._traces.headers_secret:
            secret = self._secrets.get(self._traces.headers_secret, refresh=refresh)
            headers = dict(parse_env_headers(secret.reveal(), liberal=True))
        endpoint, transport = self._traces.endpoint, Urllib3HTTPTransport()
        if endpoint == XRAY:
            region = (
                os.environ["AWS_REGION"] if "AWS_REGION" in os.environ else os.environ["AWS_DEFAULT_REGION"]
            )
            endpoint = f"https://xray.{region}.amazonaws.com/v1/traces"
            transport = Signed(region, _credentials())
        self._exporter = OTLPSpanExporter(
            endpoint,
            headers=headers,
            timeout=SEND_SECONDS,
            compression=Compression.GZIP,
            _transport=transport,
        )
        return self._exporter


class Signed(Urllib3HTTPTransport):
    """Signs each request with the agent's role, as X-Ray's endpoint asks for:
    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch-OTLPEndpoint.html
    """

    def __init__(self, region: str, credentials: Callable[[], Any]) -> None:
        super().__init__()
        self._region, self._credentials = region, credentials

    def request(
        self,
        method: str,
        url: str,
        *,
        headers: dict[str, str] | None = None,
        timeout: float | None = None,
        data: bytes | None = None,
    ) -> BaseHTTPResult:
        from botocore.auth import SigV4Auth
        from botocore.awsrequest import AWSRequest

        signed = AWSRequest(method=method, url=url, data=data, headers=dict(headers or {}))
        SigV4Auth(self._credentials(), XRAY, self._region).add_auth(signed)
        return super().request(method, url, headers=dict(signed.headers), timeout=timeout, data=data)


def _credentials() -> Callable[[], Any]:
    """Those of the agent's role, fresh at each call: they end within hours."""
    import boto3

    held = boto3.session.Session().get_credentials()
    if held is None:
        raise SecretUnavailable("there are no AWS credentials to sign with")
    return held.get_frozen_credentials


def _log_as_ours() -> None:
    logger = logging.getLogger("opentelemetry")
    logger.handlers, logger.propagate = list(logging.getLogger("agent_runtime").handlers), False
