"""Tools that lie behind the tool gateway, over plain HTTP and the standard library alone.

The gateway decides anew all that it can know; what is said here is believed by nobody. A call whose answer
was lost may have happened: it is made again with its idempotency key, under which the gateway acts once.
"""

import http.client
import json
import random
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

from agent_runtime.errors import ToolFailed, ToolRefused, ToolThrottled, ToolUnavailable
from agent_runtime.secrets import SecretValue
from agent_runtime.tool_spec import ToolSpec
from agent_runtime.tools.calling import ToolCall
from agent_runtime.tools.user_tokens import HEADER as USER_TOKEN

ATTEMPTS: Final = 4
MOST_RESULT_BYTES: Final = 4 * 1024 * 1024
"""Below what a Lambda function may answer (6 MB), and far above any text that a model reads."""
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.5, 8.0
_MARGIN_SECONDS: Final = 5.0
"""The gateway waits for its tool for as long as the tool may take, and has to answer after that."""
_SHOWN: Final = 300
_AGAIN: Final = frozenset({409, 429, 500, 503, 504})
"""With 409 only where the gateway says when: another call with this key goes on."""
_BUSY: Final = frozenset({409, 429})
"""Of this caller alone, and no word of the tool."""


class Tokens(Protocol):
    """The agent's own tokens for the gateway."""

    def token(self, *, refused: SecretValue | None = None) -> SecretValue:
        """One that is valid; not `refused` again. Raises `ToolGatewayUnavailable`."""
        ...


@dataclass(frozen=True)
class Reply:
    """What the gateway answered; a status of 0 is no answer."""

    status: int
    document: Mapping[str, Any]
    retry_after: float = 0.0


def longest_seconds(spec: ToolSpec) -> float:
    """How long a call of the tool may take, with all of its tries and the pauses between them."""
    return (ATTEMPTS + 1) * (spec.timeout_seconds + _MARGIN_SECONDS + _LONGEST_PAUSE_SECONDS)


class GatewayClient:
    """Calls `{url}/tools/{name}`. `jitter` gives 0 to 1."""

    def __init__(self, url: str, tokens: Tokens, *, jitter: Callable[[], float] = random.random) -> None:
        self._url = urlsplit(url.rstrip("/"))
        self._tokens = tokens
        self._jitter = jitter

    def call(self, call: ToolCall) -> Any:
        """The tool's result. Throttling, outages and lost answers are tried again while `call` lets it.

        Raises `ToolRefused`, `ToolFailed`, `ToolUnavailable` and what the token's fetching raises.
        """
        token = self._tokens.token()
        has_fresh_token = False
        failures = 0
        while True:
            reply = self._post(call, token)
            if reply.status == 200 and "result" in reply.document:
                return reply.document["result"]
            if reply.status == 401 and not has_fresh_token:  # revoked, or its key was changed
                token, has_fresh_token = self._tokens.token(refused=token), True
                continue
            is_later = reply.status in _AGAIN and (reply.status != 409 or reply.retry_after > 0)
            if reply.status != 0 and not is_later:
                raise _lasting(call.spec.name, reply)
            failures += 1
            pause = max(self._pause(failures), reply.retry_after)
            if failures == ATTEMPTS or not call.pause(pause):
                said = reply.status or "no answer"
                kind = ToolThrottled if reply.status in _BUSY else ToolUnavailable
                raise kind(f"the tool {call.spec.name!r} is unavailable ({said}, {failures} tries)")

    def _pause(self, failures: int) -> float:
        """Full jitter: workers that failed together do not come back together."""
        return self._jitter() * min(_LONGEST_PAUSE_SECONDS, _FIRST_PAUSE_SECONDS * 2 ** (failures - 1))

    def _post(self, call: ToolCall, token: SecretValue) -> Reply:
        said = {"run_id": call.run_id, "tenant": call.tenant, "step": call.step}
        said |= {"idempotency_key": call.idempotency_key, "approval": call.approval or ""}
        body = {"arguments": call.arguments, **{name: value for name, value in said.items() if value}}
        headers = {"content-type": "application/json", "authorization": f"Bearer {token.reveal()}"}
        if call.user_token is not None:
            headers[USER_TOKEN] = call.user_token.reveal()
        connection = self._connect(call.spec.timeout_seconds + _MARGIN_SECONDS)
        try:
            connection.request("POST", f"{self._url.path}/tools/{call.spec.name}", json.dumps(body), headers)
            response = connection.getresponse()
            text = response.read(MOST_RESULT_BYTES + 1)
            if response.length and len(text) <= MOST_RESULT_BYTES:
                return Reply(0, {})  # cut off, which a bounded read does not mind
            return Reply(response.status, _document(text), _seconds(response.getheader("retry-after")))
        except (OSError, http.client.HTTPException):
            return Reply(0, {})
        finally:
            connection.close()

    def _connect(self, seconds: float) -> http.client.HTTPConnection:
        host = self._url.hostname or ""
        if self._url.scheme == "https":
            context = ssl.create_default_context()
            return http.client.HTTPSConnection(host, self._url.port, timeout=seconds, context=context)
        return http.client.HTTPConnection(host, self._url.port, timeout=seconds)


def _lasting(name: str, reply: Reply) -> ToolRefused | ToolFailed:
    """What a further try would not change. A redirect is none that is followed: it would carry the token."""
    kind = str(reply.document.get("type", "")).rpartition(":")[2][:64]
    detail = str(reply.document.get("detail") or reply.document.get("title") or reply.status)[:_SHOWN]
    if reply.status == 200 or reply.status >= 500 or kind in ("tool-failed", "in-doubt"):
        return ToolFailed(f"the tool {name!r} failed: {detail if reply.status != 200 else 'no result'}")
    return ToolRefused(f"the tool gateway refused {name!r} ({kind or reply.status}): {detail}")


def _document(text: bytes) -> Mapping[str, Any]:
    try:
        found: object = json.loads(text) if len(text) <= MOST_RESULT_BYTES else None
    except (ValueError, RecursionError):
        found = None
    return found if isinstance(found, dict) else {}


def _seconds(header: str | None) -> float:
    return float(header) if header is not None and header.isdecimal() else 0.0
