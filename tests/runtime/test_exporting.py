"""Spans on their way out: what an endpoint gets, over HTTP on this machine."""

import gzip
import json
from collections.abc import Callable
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SpanExportResult

from agent_runtime.telemetry import exporting
from agent_runtime.telemetry.exporting import Signed, spans_of
from agent_runtime.telemetry.otel import OtelSpans
from agent_runtime.telemetry.redaction import Redactor
from agent_runtime.telemetry.semantics import Opening
from agent_runtime.telemetry.spec import ObserveSpec
from tests.runtime.test_secrets import rotate


class Endpoint:
    """Takes OTLP as JSON; answers with each of `statuses` in turn, then with 200."""

    def __init__(self, serve: Callable[[Any], str]) -> None:
        self.statuses: list[int] = []
        self.headers: list[dict[str, str]] = []
        self.bodies: list[dict[str, Any]] = []
        self.url = f"{serve(self._answer)}/traces"

    def _answer(self, environ: dict[str, Any], start_response: Any) -> list[bytes]:
        body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
        self.headers.append({name: str(value) for name, value in environ.items() if name.startswith("HTTP_")})
        status = self.statuses.pop(0) if self.statuses else 200
        if status == 200:
            self.bodies.append(json.loads(gzip.decompress(body)))
        start_response(f"{status} told", [("content-type", "application/json")])
        return [b"{}"]

    def spans(self) -> list[dict[str, Any]]:
        return [
            span
            for body in self.bodies
            for resource in body["resourceSpans"]
            for scope in resource["scopeSpans"]
            for span in scope["spans"]
        ]


@pytest.fixture
def endpoint(serve: Callable[[Any], str]) -> Endpoint:
    return Endpoint(serve)


def spans_to(endpoint: Endpoint, aws: Any, redact: tuple[str, ...] = (), **traces: Any) -> OtelSpans:
    declared = {"traces": {"endpoint": endpoint.url, **traces}, "redact": redact, "host": "ecs"}
    observe = ObserveSpec.model_validate(declared)
    assert observe.traces is not None
    return spans_of(observe, observe.traces, aws.secrets(), agent="answers", bundle_id="b", environment="dev")


def told(spans: OtelSpans, opening: Opening) -> None:
    with spans.open(opening):
        pass
    spans.flush(10)


@pytest.fixture
def tell(aws: Any, endpoint: Endpoint) -> Callable[..., None]:
    """Tell one span to the endpoint, under an agent that declares what is given."""

    def one(opening: Opening, redact: tuple[str, ...] = (), **traces: Any) -> None:
        spans = spans_to(endpoint, aws, redact, **traces)
        told(spans, opening)
        spans.provider.shutdown()

    return one


def test_spans_leave_as_otlp_with_the_agent_bundle_environment_and_host(
    tell: Callable[..., None], endpoint: Endpoint
) -> None:
    tell(Opening("chat small", {"gen_ai.usage.input_tokens": 3}, calls_out=True))
    (span,) = endpoint.spans()
    assert (span["name"], span["kind"]) == ("chat small", 3)
    assert span["attributes"] == [{"key": "gen_ai.usage.input_tokens", "value": {"intValue": "3"}}]
    resource = {
        held["key"]: held["value"].get("stringValue")
        for held in endpoint.bodies[0]["resourceSpans"][0]["resource"]["attributes"]
    }
    assert resource["service.name"] == "answers"
    assert resource["service.version"] == "b"
    assert resource["deployment.environment.name"] == "dev"
    assert resource["agent_hosting.host"] == "ecs"


def test_what_is_declared_and_what_looks_like_a_key_is_taken_out_before_it_leaves(
    tell: Callable[..., None], endpoint: Endpoint
) -> None:
    told = {"who": "ada@example.com", "account": "acct_12", "list": ["acct_13", "ok"], "count": 2}
    tell(Opening("step acct_11", told), redact=("acct_[0-9]+",))
    sent = json.dumps(endpoint.bodies)
    assert "acct_1" not in sent
    assert "ada@" not in sent
    (span,) = endpoint.spans()
    assert span["name"] == "step [redacted]"


def test_events_and_the_text_of_a_status_are_redacted_too() -> None:
    handed: list[ReadableSpan] = []

    class Kept:
        def export(self, spans: Any) -> SpanExportResult:
            handed.extend(spans)
            return SpanExportResult.SUCCESS

    with TracerProvider().get_tracer("an agent's own library").start_as_current_span("s") as span:
        span.add_event("sent to ada@example.com", {"key": "sk-0123456789abcdef0123"})
        span.record_exception(ValueError("token Bearer abcdefghijklmnop1234"))
        span.set_status(type(span.status)(span.status.status_code.ERROR, "for ada@example.com"))  # type: ignore[attr-defined]
    exporting.RedactedExporter(Kept(), Redactor()).export([span])  # type: ignore[arg-type,list-item]
    shown = handed[0].to_json()
    assert not [word for word in ("ada@", "sk-0123", "abcdefghij") if word in shown]
    assert "[redacted:email]" in shown


@pytest.mark.filterwarnings("ignore")
def test_a_secret_header_is_read_anew_once_where_it_was_refused(aws: Any, endpoint: Endpoint) -> None:
    rotate(aws, "x-api-key=first,x-team=search")
    spans = spans_to(endpoint, aws, headers_secret="model-api-key")
    told(spans, Opening("one"))
    rotate(aws, "x-api-key=second")
    endpoint.statuses = [401]
    told(spans, Opening("two"))
    spans.provider.shutdown()
    assert [held["HTTP_X_API_KEY"] for held in endpoint.headers] == ["first", "first", "second"]
    assert [held.get("HTTP_X_TEAM") for held in endpoint.headers] == ["search", "search", None]
    assert [span["name"] for span in endpoint.spans()] == ["one", "two"]


@pytest.mark.filterwarnings("ignore")
def test_an_endpoint_that_refuses_or_a_secret_that_is_gone_costs_spans_and_nothing_else(
    aws: Any, tell: Callable[..., None], endpoint: Endpoint
) -> None:
    endpoint.statuses = [400, 400]
    tell(Opening("refused"))
    aws.secretsmanager.delete_secret(SecretId=aws.secret_arn, ForceDeleteWithoutRecovery=True)
    tell(Opening("unread"), headers_secret="model-api-key")
    assert endpoint.spans() == []


def test_requests_to_xray_are_signed_with_the_agents_role(endpoint: Endpoint, aws: Any) -> None:
    import boto3

    credentials = boto3.Session().get_credentials()
    assert credentials is not None
    signed = Signed("eu-west-1", credentials.get_frozen_credentials)
    sent = signed.request(
        "POST", endpoint.url, headers={"content-type": "application/json"}, data=gzip.compress(b"{}")
    )
    assert sent.status_code == 200
    authorization = endpoint.headers[0]["HTTP_AUTHORIZATION"]
    assert authorization.startswith("AWS4-HMAC-SHA256 Credential=testing/")
    assert "/eu-west-1/xray/aws4_request" in authorization
    assert "content-type" in authorization
