"""The HTTP contract over a socket: each call carries its own token, and the probes carry none."""

import json
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import parse_qs

from agent_runtime.hosts.http import Reply, Route, problem_reply, replied
from agent_runtime.hosts.problems import Problem
from agent_runtime.hosts.requests import MAX_REQUEST_BYTES, HttpCall, call_of
from agent_runtime.hosts.tokens import Tokens

_log = logging.getLogger("agent_runtime.hosts.wsgi")
Environ = Mapping[str, Any]
_PROBE: Final = {"content-type": "application/json"}


class Edge:
    """A WSGI application of `routes`. `is_ready` says whether new callers are welcome."""

    def __init__(
        self,
        routes: Sequence[Route],
        tokens: Tokens,
        tenants: frozenset[str] | None,
        is_ready: Callable[[], bool],
    ) -> None:
        self._routes = routes
        self._tokens = tokens
        self._tenants = tenants
        self._is_ready = is_ready

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        reply = self._reply(environ)
        body = reply.body.encode()
        headers = [*reply.headers.items(), ("content-length", str(len(body)))]
        if reply.status == HTTPStatus.UNAUTHORIZED:
            headers.append(("www-authenticate", "Bearer"))
        start_response(f"{reply.status} {HTTPStatus(reply.status).phrase}", headers)
        return [body]

    def _reply(self, environ: Environ) -> Reply:
        path = _path(environ)
        if path == "/healthz":
            return Reply(200, _PROBE, json.dumps({"status": "ok"}))
        if path == "/readyz":
            is_ready = self._is_ready()
            return Reply(
                200 if is_ready else 503, _PROBE, json.dumps({"status": "ready" if is_ready else "stopping"})
            )
        try:
            return replied(path, lambda: self._call(environ, path), self._routes, self._tenants)
        except Exception as error:  # noqa: BLE001  a fault of one call is not the end of its thread
            _log.exception("call failed", exc_info=error)
            problem = Problem(500, "internal", "The call failed", f"with {type(error).__name__}")
            return problem_reply(problem, path)

    def _call(self, environ: Environ, path: str) -> HttpCall:
        """Read a call: first its token, then its body. Raises `Problem`."""
        headers = {
            name[5:].replace("_", "-").lower(): str(value)
            for name, value in environ.items()
            if name.startswith("HTTP_")
        }
        claims = self._tokens.claims(headers.get("authorization", ""))
        if content_type := environ.get("CONTENT_TYPE"):
            headers["content-type"] = str(content_type)
        # Of a parameter that comes twice API Gateway makes one, too.
        given = parse_qs(environ.get("QUERY_STRING", ""), keep_blank_values=True)
        query = {name: ",".join(values) for name, values in given.items()}
        length = int(environ.get("CONTENT_LENGTH") or 0)
        body = environ["wsgi.input"].read(min(length, MAX_REQUEST_BYTES + 1))
        return call_of(str(environ["REQUEST_METHOD"]), path, headers, body, query, claims)


def _path(environ: Environ) -> str:
    return str(environ.get("PATH_INFO", "")).encode("latin-1").decode(errors="replace") or "/"
