"""A request as API Gateway sees it, read from WSGI."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

BODY_LIMIT_BYTES = 10 * 1024 * 1024
"""https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html: 10 MB at most."""


class TooLarge(Exception):
    """The body is over the limit."""


@dataclass(frozen=True)
class HttpRequest:
    method: str
    path: str
    """Decoded, below the API's id, with the stage if it is a named one."""
    query: str
    headers: Mapping[str, str]
    """Lower case; several of one name are joined by commas."""
    cookies: tuple[str, ...]
    parameters: Mapping[str, str]
    """From the query string, decoded; several of one name are joined by commas."""
    body: bytes
    source_ip: str
    protocol: str


def read(environ: Mapping[str, Any], path: str) -> HttpRequest:
    headers = dict(_headers(environ))
    cookies = tuple(part.strip() for part in headers.pop("cookie", "").split(";") if part.strip())
    query = str(environ.get("QUERY_STRING") or "")
    parameters: dict[str, str] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        parameters[name] = f"{parameters[name]},{value}" if name in parameters else value
    return HttpRequest(
        method=str(environ["REQUEST_METHOD"]),
        path=path,
        query=query,
        headers=headers,
        cookies=cookies,
        parameters=parameters,
        body=_body(environ),
        source_ip=str(environ.get("REMOTE_ADDR") or "127.0.0.1"),
        protocol=str(environ.get("SERVER_PROTOCOL") or "HTTP/1.1"),
    )


def _headers(environ: Mapping[str, Any]) -> list[tuple[str, str]]:
    named = [(key[5:], value) for key, value in environ.items() if key.startswith("HTTP_")]
    named += [(key, environ[key]) for key in ("CONTENT_TYPE", "CONTENT_LENGTH") if environ.get(key)]
    return [(key.replace("_", "-").lower(), str(value)) for key, value in sorted(named)]


def _body(environ: Mapping[str, Any]) -> bytes:
    stream = environ.get("wsgi.input")
    length = str(environ.get("CONTENT_LENGTH") or "")
    if stream is None or not (length.isdigit() or environ.get("wsgi.input_terminated")):
        return b""
    if length.isdigit() and int(length) > BODY_LIMIT_BYTES:
        raise TooLarge
    body = stream.read(int(length) if length.isdigit() else BODY_LIMIT_BYTES + 1)
    if len(body) > BODY_LIMIT_BYTES:
        raise TooLarge
    return body
