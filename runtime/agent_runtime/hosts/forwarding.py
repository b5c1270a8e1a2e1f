"""Hands a call on to another pod, once, with the tokens of its caller."""

import json
import logging
from typing import Any, Final

from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError, ProxyError

from agent_runtime.hosts.http import Answer
from agent_runtime.hosts.outgoing import Received, send
from agent_runtime.hosts.problems import Problem
from agent_runtime.hosts.requests import HttpCall
from agent_runtime.tools.user_tokens import HEADER as USER_TOKEN

_log = logging.getLogger("agent_runtime.hosts.forwarding")
FORWARDED: Final = "agent-hosting-forwarded"
"""Header of a call that was handed on: it is not handed on again."""
_HANDED_ON: Final = ("authorization", "content-type", "traceparent", "tracestate", USER_TOKEN)
_MOST_BYTES: Final = 32 * 1024 * 1024
"""Above any output of a run: it is in one item or one object of S3."""
_NOT_REACHED: Final = (NewConnectionError, ConnectTimeoutError, ProxyError)
NO_GATEWAY: Final = (502, 504)
"""What a proxy says that has reached nobody; no pod of ours does."""


class NotReached(Exception):
    """Nobody took the call: it may be served elsewhere."""


class AnswerLost(Exception):
    """The call was taken, and what became of it is not known."""


def forward(call: HttpCall, url: str, key: str, seconds: float) -> Answer:
    """The answer of the pod at `url` to the call, under the idempotency key `key`, which tells its run's id
    even where the answer is lost. Raises `Problem` as that pod does, `NotReached` and `AnswerLost`."""
    headers = {name: call.headers[name] for name in _HANDED_ON if name in call.headers}
    headers |= {FORWARDED: "1", "idempotency-key": key}
    try:
        received = send(
            call.method,
            url.rstrip("/") + call.path,
            headers,
            call.body,
            read_seconds=seconds,
            most_bytes=_MOST_BYTES,
        )
    except _NOT_REACHED as error:
        _log.warning("call not forwarded", extra={"url": url}, exc_info=error)
        raise NotReached from error
    except (HTTPError, OSError, ValueError) as error:
        _log.warning("answer lost", extra={"url": url}, exc_info=error)
        raise AnswerLost from error
    if received.status in NO_GATEWAY:
        raise NotReached
    return _answer(received)


def _answer(received: Received) -> Answer:
    try:
        body: Any = json.loads(received.body)
    except ValueError as error:
        raise AnswerLost from error
    if not isinstance(body, dict):
        raise AnswerLost
    if received.status < 400:
        return received.status, body
    known = {name: body.pop(name, None) for name in ("type", "title", "status", "detail", "instance")}
    seconds = received.headers.get("retry-after", "")
    raise Problem(
        received.status,
        str(known["type"]).rpartition(":")[2],
        str(known["title"]),
        str(known["detail"]),
        retry_after=int(seconds) if seconds.isdecimal() else None,
        **body,
    )
