"""A function's answer as an HTTP response.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html, for
format 2.0.
"""

import base64
import binascii
import json
from dataclasses import dataclass, field
from typing import Any


class Malformed(Exception):
    """The function answered with something that is no response."""


@dataclass(frozen=True)
class HttpResponse:
    status: int
    headers: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    body: bytes = b""


def message(status: int, text: str, *headers: tuple[str, str]) -> HttpResponse:
    """API Gateway's own answers."""
    body = json.dumps({"message": text}, separators=(",", ":")).encode()
    return HttpResponse(status, [("content-type", "application/json"), *headers], body)


def from_function(answer: bytes) -> HttpResponse:
    value = json.loads(answer or b"null")
    if not isinstance(value, dict) or "statusCode" not in value:
        body = value.encode() if isinstance(value, str) else answer
        return HttpResponse(200, [("content-type", "application/json")], body)
    headers = [(str(name).lower(), _text(text)) for name, text in (value.get("headers") or {}).items()]
    headers += [("set-cookie", str(cookie)) for cookie in value.get("cookies") or []]
    if not any(name == "content-type" for name, _ in headers):
        headers.append(("content-type", "text/plain;charset=utf-8"))
    return HttpResponse(_status(value["statusCode"]), headers, _body(value))


def _status(given: Any) -> int:
    try:
        status = int(given)
    except (TypeError, ValueError):
        raise Malformed(f"statusCode is {given!r}") from None
    if not 100 <= status <= 599:
        raise Malformed(f"statusCode is {given!r}")
    return status


def _text(given: Any) -> str:
    if isinstance(given, bool):
        return str(given).lower()
    if isinstance(given, str | int | float):
        return str(given)
    raise Malformed(f"a header is {given!r}")


def _body(value: dict[str, Any]) -> bytes:
    body = value.get("body")
    if body is None:
        return b""
    if not isinstance(body, str):
        raise Malformed("body is not a string")
    if not value.get("isBase64Encoded"):
        return body.encode()
    try:
        return base64.b64decode(body, validate=True)
    except binascii.Error as error:
        raise Malformed("body is not base64") from error
