"""What callers send, read the same way on every host that has an HTTP API before it."""

import base64
import binascii
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from agent_runtime.hosts.problems import Problem
from agent_runtime.ids import is_run_id, new_run_id, run_id_for_key
from agent_runtime.records import RunRequest
from agent_runtime.spend.caps import SCHEDULE_TENANT
from agent_runtime.telemetry.traceparent import parse

MAX_REQUEST_BYTES: Final = 1_000_000
"""One limit for all hosts: a run that has to wait travels in an SQS message, which holds 1 MiB."""
_BODY_FIELDS: Final = {"input", "session", "parent"}
_DIRECT_FIELDS: Final = {"input", "session", "parent", "tenant", "idempotency_key", "traceparent"}

_SCHEDULE_FIELDS: Final = {"schedule", "input", "idempotency_key"}
_SCHEDULE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


@dataclass(frozen=True)
class HttpCall:
    """One call of the HTTP API."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    tenant: str
    subject: str
    """Who calls, as the token names them."""
    query: Mapping[str, str]


def http_call(event: Mapping[str, Any]) -> HttpCall:
    """Read an API Gateway event. Raises `Problem` 400, 401 or 403; the tenant comes from the token alone."""
    context = event["requestContext"]
    stage = context.get("stage", "$default")
    path = str(event.get("rawPath") or context["http"]["path"])
    if stage != "$default":
        path = path.removeprefix(f"/{stage}")
    body = body_of(event)
    return call_of(
        str(context["http"]["method"]),
        path,
        {name.lower(): value for name, value in event.get("headers", {}).items()},
        body,
        event.get("queryStringParameters") or {},
        claims_of(event),
    )


def body_of(event: Mapping[str, Any]) -> bytes:
    """The body of an API Gateway event. Raises `Problem` 400."""
    text = str(event.get("body") or "")
    try:
        return base64.b64decode(text, validate=True) if event.get("isBase64Encoded") else text.encode()
    except binascii.Error as error:
        raise Problem(400, "bad-request", "The body cannot be read", "the body is not base64") from error


def call_of(
    method: str,
    path: str,
    headers: Mapping[str, str],
    body: bytes,
    query: Mapping[str, str],
    claims: Mapping[str, Any],
) -> HttpCall:
    """A call whose token has these `claims`; `headers` have names in lower case. Raises `Problem` 403."""
    return HttpCall(
        method=method.upper(),
        path=path.rstrip("/") or "/",
        headers=headers,
        body=body,
        tenant=_tenant(claims),
        subject=str(claims.get("sub") or claims.get("client_id") or claims["tenant"]),
        query=query,
    )


def json_fields(body: bytes, allowed: set[str], needed: str) -> dict[str, Any]:
    """The fields of a JSON object. Raises `Problem` 400 or 413; `needed` says what to send."""
    if len(body) > MAX_REQUEST_BYTES:
        raise Problem(
            413,
            "too-large",
            "The request is too large",
            f"at most {MAX_REQUEST_BYTES} bytes are read; where `POST /uploads` is served, it gives a link "
            f"for a larger input",
        )
    try:
        given: object = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Problem(
            400, "bad-request", "The body is not JSON", f"send a JSON object with {needed}"
        ) from error
    return _fields(given, allowed, needed)


def run_request(call: HttpCall, agent: str) -> RunRequest:
    """The run that `POST /runs` asks for. Raises `Problem` 400 or 413."""
    fields = json_fields(call.body, _BODY_FIELDS, "`input`")
    return make_request(
        agent, call.tenant, fields, call.headers.get("idempotency-key"), call.headers.get("traceparent")
    )


def direct_request(event: Mapping[str, Any], agent: str) -> RunRequest:
    """The run that a direct invocation asks for; IAM has decided who may name a tenant. Raises `Problem`
    400."""
    fields = _fields(event, _DIRECT_FIELDS, "`input`")
    tenant = fields.get("tenant")
    if not isinstance(tenant, str) or not is_caller(tenant):
        raise Problem(
            400, "bad-request", "The tenant is missing", "name the `tenant` who is charged for the run"
        )
    return make_request(agent, tenant, fields, fields.get("idempotency_key"), fields.get("traceparent"))


def is_scheduled(event: Mapping[str, Any]) -> bool:
    """Whether a schedule calls, and not a caller."""
    return "schedule" in event and "requestContext" not in event


def schedule_request(event: Mapping[str, Any], agent: str) -> RunRequest:
    """The run that a schedule begins; IAM lets the agent's own schedules alone call so. Raises `Problem` 400.

    The time for which it was scheduled is its key: EventBridge Scheduler calls at least once.
    https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule-context-attributes.html
    """
    fields = _fields(event, _SCHEDULE_FIELDS, "`input`")
    name, key = fields.get("schedule"), fields.get("idempotency_key")
    if not isinstance(name, str) or _SCHEDULE.fullmatch(name) is None or not isinstance(key, str):
        detail = "a schedule's call has its name as `schedule` and its time as `idempotency_key`"
        raise Problem(400, "bad-request", "The schedule is not named", detail)
    return make_request(agent, SCHEDULE_TENANT + name, fields, key)


def copy_of(wanted: object) -> tuple[str, str]:
    """Tenant and id of the run that is to be copied. Raises `Problem` 400."""
    fields = _fields(wanted, {"tenant", "run_id"}, "`tenant` and `run_id`")
    tenant, run_id = fields.get("tenant"), fields.get("run_id")
    if not (isinstance(tenant, str) and is_tenant(tenant) and isinstance(run_id, str) and is_run_id(run_id)):
        raise Problem(400, "bad-request", "The run is not named", "`copy_of` takes `tenant` and `run_id`")
    return tenant, run_id


def is_caller(text: str) -> bool:
    """Whether a caller may be this tenant: a schedule's name is nobody's."""
    return is_tenant(text) and not text.startswith(SCHEDULE_TENANT)


def is_tenant(text: str) -> bool:
    """1 to 128 printable characters without `#`, which divides the parts of a checkpoint's key."""
    return 0 < len(text) <= 128 and text.isprintable() and "#" not in text


def claims_of(event: Mapping[str, Any]) -> Mapping[str, Any]:
    """The verified claims of an API Gateway event. Raises `Problem` 401."""
    authorizer = event["requestContext"].get("authorizer")
    claims: Mapping[str, Any] | None = ((authorizer or {}).get("jwt") or {}).get("claims")
    if claims is None:
        raise Problem(401, "unauthorized", "A token is needed", "the call came without a verified token")
    return claims


def _tenant(claims: Mapping[str, Any]) -> str:
    tenant = claims.get("tenant") or claims.get("sub")
    if not isinstance(tenant, str) or not is_caller(tenant):
        raise Problem(403, "no-tenant", "The token names no tenant", "it needs the claim `tenant` or `sub`")
    return tenant


def _fields(body: object, allowed: set[str], needed: str) -> dict[str, Any]:
    if not isinstance(body, dict):
        raise Problem(400, "bad-request", "The body is not an object", f"send a JSON object with {needed}")
    fields: dict[str, Any] = {str(name): value for name, value in body.items()}
    if unknown := sorted(fields.keys() - allowed):
        detail = f"unknown: {', '.join(unknown)[:200]}; allowed: {', '.join(sorted(allowed))}"
        raise Problem(400, "bad-request", "The body has unknown fields", detail)
    return fields


def _check_numbers(given: object) -> None:
    """Raises `Problem` 400 for NaN and infinities: Python reads them, and JSON has no text for them."""
    try:
        json.dumps(given, allow_nan=False, default=str)
    except ValueError as error:
        detail = "`input` holds a number that JSON does not know"
        raise Problem(400, "bad-request", "The input cannot be used", detail) from error


def make_request(
    agent: str, tenant: str, fields: Mapping[str, Any], key: object, traceparent: object = None
) -> RunRequest:
    """The run of its fields; one idempotency key is one run id. Raises `Problem` 400. A `traceparent` that is
    not as the W3C writes it counts as absent."""
    if fields.get("input") is None:
        raise Problem(400, "bad-request", "The input is missing", "the field `input` is needed")
    _check_numbers(fields["input"])
    session, parent = fields.get("session"), fields.get("parent")
    for name, value in (("session", session), ("parent", parent), ("idempotency key", key)):
        is_good = value is None or (isinstance(value, str) and 0 < len(value) <= 255 and value.isprintable())
        if not is_good:
            raise Problem(400, "bad-request", f"The {name} cannot be used", "1 to 255 printable characters")
    run_id = new_run_id() if key is None else run_id_for_key(agent, tenant, str(key))
    caller = parse(traceparent) if isinstance(traceparent, str) else None
    return RunRequest(
        run_id, tenant, fields["input"], session, "" if caller is None else caller.header(), parent
    )
