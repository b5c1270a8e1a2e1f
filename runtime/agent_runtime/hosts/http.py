"""Answers calls by a table of routes, with problem documents for what goes wrong: the same for calls that
come as API Gateway's events and for those that come over a socket.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from agent_runtime.hosts.problems import CONTENT_TYPE, Problem
from agent_runtime.hosts.requests import HttpCall, http_call


class LambdaContext(Protocol):
    """What is used of Lambda's context object."""

    def get_remaining_time_in_millis(self) -> int: ...


Answer = tuple[int, dict[str, Any]]
"""Status and JSON body."""


@dataclass(frozen=True)
class Route:
    """`path` is a regular expression; its groups become arguments of `answer`."""

    method: str
    path: re.Pattern[str]
    answer: Callable[..., Answer]
    """Called with (call, *groups)."""


@dataclass(frozen=True)
class Reply:
    """A response, whatever carries it."""

    status: int
    headers: dict[str, str]
    body: str


RUN: Final = r"/runs/([^/]+)"


def respond(
    event: Mapping[str, Any], routes: Sequence[Route], tenants: frozenset[str] | None
) -> dict[str, Any]:
    """The response to an event of payload format 2.0. `tenants` are those let in, None for all."""
    reply = replied(str(event.get("rawPath", "/")), lambda: http_call(event), routes, tenants)
    return {
        "statusCode": reply.status,
        "headers": reply.headers,
        "body": reply.body,
        "isBase64Encoded": False,
    }


def replied(
    path: str, read: Callable[[], HttpCall], routes: Sequence[Route], tenants: frozenset[str] | None
) -> Reply:
    """The reply to the call that `read` gives, or to what it raises as a `Problem` of `path`."""
    try:
        call = read()
        let_in(call.tenant, tenants)
        status, body = _routed(call, routes)
        return Reply(status, {"content-type": "application/json"}, json.dumps(body))
    except Problem as problem:
        return problem_reply(problem, path)


def problem_reply(problem: Problem, path: str) -> Reply:
    """The reply that is a problem document."""
    headers = {"content-type": CONTENT_TYPE}
    if problem.retry_after is not None:
        headers["retry-after"] = str(problem.retry_after)
    return Reply(problem.status, headers, json.dumps(problem.document(path)))


def let_in(tenant: str, tenants: frozenset[str] | None) -> None:
    """Raises `Problem` 403 for a tenant that is not among `tenants`."""
    if tenants is not None and tenant not in tenants:
        raise Problem(403, "tenant-refused", "The tenant is not let in", "this agent serves other tenants")


def _routed(call: HttpCall, routes: Sequence[Route]) -> Answer:
    for route in routes:
        if route.method == call.method and (match := route.path.fullmatch(call.path)):
            return route.answer(call, *match.groups())
    raise Problem(404, "not-found", "There is no such resource", f"{call.method} {call.path} is not served")
