"""Answers API Gateway's events by a table of routes, with problem documents for what goes wrong."""

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
    """Called with (call, context, *groups)."""


RUN: Final = r"/runs/([^/]+)"


def respond(
    event: Mapping[str, Any], context: LambdaContext, routes: Sequence[Route], tenants: frozenset[str] | None
) -> dict[str, Any]:
    """The response to an event of payload format 2.0. `tenants` are those let in, None for all."""
    try:
        call = http_call(event)
        let_in(call.tenant, tenants)
        status, body = _routed(call, context, routes)
        return _response(status, "application/json", body)
    except Problem as problem:
        document = problem.document(str(event.get("rawPath", "/")))
        return _response(problem.status, CONTENT_TYPE, document, problem.retry_after)


def let_in(tenant: str, tenants: frozenset[str] | None) -> None:
    """Raises `Problem` 403 for a tenant that is not among `tenants`."""
    if tenants is not None and tenant not in tenants:
        raise Problem(403, "tenant-refused", "The tenant is not let in", "this agent serves other tenants")


def _routed(call: HttpCall, context: LambdaContext, routes: Sequence[Route]) -> Answer:
    for route in routes:
        if route.method == call.method and (match := route.path.fullmatch(call.path)):
            return route.answer(call, context, *match.groups())
    raise Problem(404, "not-found", "There is no such resource", f"{call.method} {call.path} is not served")


def _response(
    status: int, content_type: str, document: dict[str, Any], retry_after: int | None = None
) -> dict[str, Any]:
    headers = {"content-type": content_type}
    if retry_after is not None:
        headers["retry-after"] = str(retry_after)
    return {"statusCode": status, "headers": headers, "body": json.dumps(document), "isBase64Encoded": False}
