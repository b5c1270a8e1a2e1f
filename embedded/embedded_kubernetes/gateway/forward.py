"""Passes one request on to a process of this machine, and its answer back as it is."""

import http.client
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import quote, urlsplit

from embedded_kubernetes.gateway.endpoints import Place
from embedded_kubernetes.gateway.routes import Unroutable

HOST = "127.0.0.1"
LIMIT_SECONDS = 60.0
_MAX_BODY_BYTES = 64 * 1024 * 1024
_HOP_BY_HOP = frozenset(
    {"connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection", "te"}
    | {"trailer", "transfer-encoding", "upgrade"}
)
"""RFC 9110, 7.6.1."""
_BODILESS = (204, 304)
StartResponse = Callable[..., Any]
Environ = dict[str, Any]


def forward(
    environ: Environ, start_response: StartResponse, places: Sequence[Place], path: str, what: str
) -> Iterable[bytes]:
    """To the first place that takes the connection: what refused it has seen nothing of the request.

    Raises Unroutable.
    """
    body = _body(environ)
    query = environ.get("QUERY_STRING")
    target = f"{path}?{query}" if query else path
    for place in places:
        connection = http.client.HTTPConnection(HOST, place.port, timeout=LIMIT_SECONDS)
        try:
            connection.connect()
        except OSError:
            continue
        try:
            connection.request(environ["REQUEST_METHOD"], target, body, dict(_passed(headers_of(environ))))
            answer = connection.getresponse()
            said = answer.read()
        except TimeoutError as error:
            problem = f"pod {place.pod} of {what} did not answer in {LIMIT_SECONDS:.0f} s"
            raise Unroutable(504, problem) from error
        except (OSError, http.client.HTTPException) as error:
            raise Unroutable(502, f"pod {place.pod} of {what} broke off: {error!r}") from error
        finally:
            connection.close()
        kept = [(name, value) for name, value in _passed(answer.getheaders()) if name.lower() != "date"]
        if answer.status not in _BODILESS and not any(name.lower() == "content-length" for name, _ in kept):
            kept.append(("content-length", str(len(said))))
        start_response(f"{answer.status} {answer.reason or 'Status'}", kept)
        return [said]
    raise Unroutable(503, f"no pod of {what} is ready")


def headers_of(environ: Environ) -> list[tuple[str, str]]:
    named = [(k[5:].replace("_", "-").lower(), str(v)) for k, v in environ.items() if k.startswith("HTTP_")]
    kind = environ.get("CONTENT_TYPE")
    return [*named, *([("content-type", str(kind))] if kind else [])]


def raw_path(environ: Environ) -> str:
    """As it was written, percent-encoded; a proxy is asked for whole addresses."""
    asked = str(environ.get("RAW_URI") or quote(environ["PATH_INFO"])).partition("?")[0]
    return urlsplit(asked).path or "/" if "://" in asked else asked


def problem(start_response: StartResponse, status: int, reason: str) -> Iterable[bytes]:
    """RFC 9457."""
    title = http.client.responses.get(status, "Status")
    body = json.dumps({"type": "about:blank", "title": title, "status": status, "detail": reason}).encode()
    headers = [("content-type", "application/problem+json"), ("content-length", str(len(body)))]
    start_response(f"{status} {title}", headers)
    return [body]


def _passed(headers: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Neither those of one hop, nor what `Connection` names as such."""
    listed = list(headers)
    named = {word.strip().lower() for k, v in listed if k.lower() == "connection" for word in v.split(",")}
    return [(k, v) for k, v in listed if k.lower() not in _HOP_BY_HOP | named]


def _body(environ: Mapping[str, Any]) -> bytes | None:
    length = environ.get("CONTENT_LENGTH")
    if length:
        if int(length) > _MAX_BODY_BYTES:
            raise Unroutable(413, f"the embedded gateway passes bodies of {_MAX_BODY_BYTES} bytes at most")
        return environ["wsgi.input"].read(int(length))
    return environ["wsgi.input"].read(_MAX_BODY_BYTES) if environ.get("wsgi.input_terminated") else None
