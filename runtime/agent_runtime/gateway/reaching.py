"""Reaches a tool: its own function, or an address on the list; bounded in size and time."""

import http.client
import json
import logging
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from botocore.exceptions import BotoCoreError, ClientError, ReadTimeoutError

from agent_runtime.gateway.calls import ToolCall
from agent_runtime.gateway.declared import GatewayTool
from agent_runtime.secrets import SecretReader

_log = logging.getLogger("agent_runtime.gateway")
MOST_RESULT_BYTES: Final = 256 * 1024
"""As JSON: what the answer's item of 400 KB has room for, and a model has no use for more."""


class ToolError(Exception):
    """A tool gave no result. `acted` says whether it may have acted all the same."""

    def __init__(self, kind: str, detail: str, *, acted: bool) -> None:
        super().__init__(detail)
        self.kind = kind
        self.detail = detail
        self.acted = acted


@dataclass(frozen=True)
class Sent:
    """What a tool is told beside its arguments: all of it verified."""

    name: str
    tool: GatewayTool
    call: ToolCall
    arguments: dict[str, Any]
    caller: str
    tenant: str

    def event(self) -> dict[str, Any]:
        """As a function of the product's own host gets it."""
        token = self.call.user_token if self.tool.user_delegated else None
        return {
            "tool": self.name,
            "arguments": self.arguments,
            "agent": self.caller,
            "tenant": self.tenant,
            "run_id": self.call.run_id,
            "idempotency_key": self.call.idempotency_key,
            **({} if token is None else {"user_token": token.reveal()}),
        }


class Reaching:
    """Calls tools. `functions` makes boto3's Lambda client for a read timeout in seconds, without retries: a
    call that is sent twice acts twice."""

    def __init__(
        self,
        functions: Callable[[float], Any],
        secrets: SecretReader,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._functions = functions
        self._secrets = secrets
        self._clock = clock

    def call(self, sent: Sent) -> Any:
        """The tool's result, as JSON gives it. The user's token is blotted out of it. Raises `ToolError`."""
        result = self._invoked(sent) if sent.tool.function_arn else self._posted(sent)
        return without(result, sent.call.user_token.reveal()) if sent.call.user_token else result

    def is_well(self, tool: GatewayTool) -> bool:
        """Whether the tool's server answers."""
        try:
            if tool.function_arn:
                reply = self._invoke(tool, {"health": True})
                return isinstance(reply, dict) and reply.get("result") == "ok"
            parts = urlsplit(tool.url)
            at = tool.health_url or f"{parts.scheme}://{parts.netloc}/health"
            return self._send("GET", at, None, {}, min(5, tool.timeout_seconds))[0] == 200
        except ToolError:
            return False

    def _invoked(self, sent: Sent) -> Any:
        reply = self._invoke(sent.tool, sent.event())
        if not isinstance(reply, dict) or ("result" in reply) == ("error" in reply):
            raise ToolError("tool-failed", "the tool answered what no tool answers", acted=True)
        if "error" in reply:
            refused = reply["error"] if isinstance(reply["error"], dict) else {}
            raise ToolError(
                "tool-failed", str(refused.get("detail", ""))[:500], acted=refused.get("acted") is not False
            )
        return reply["result"]

    def _invoke(self, tool: GatewayTool, event: dict[str, Any]) -> Any:
        try:
            reply = self._functions(float(tool.timeout_seconds)).invoke(
                FunctionName=tool.function_arn, Payload=json.dumps(event).encode()
            )
            payload: bytes = reply["Payload"].read(MOST_RESULT_BYTES + 1024)
        except ReadTimeoutError as error:
            raise _too_slow(tool) from error
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code", "unknown")
            _log.warning("tool not called", extra={"code": code})
            # Lambda refuses before it begins; a service's own failure may come after.
            raise ToolError(
                "tool-unavailable", "the tool cannot be called", acted=_is_server(error)
            ) from error
        except BotoCoreError as error:
            raise ToolError("tool-unavailable", "the tool does not answer", acted=True) from error
        if reply.get("FunctionError"):
            raise ToolError("tool-failed", "the tool ended with an error", acted=True)
        return _read(payload)

    def _posted(self, sent: Sent) -> Any:
        headers = {"content-type": "application/json", "agent-tenant": sent.tenant, "agent-name": sent.caller}
        if sent.call.run_id:
            headers["agent-run-id"] = sent.call.run_id
        if sent.call.idempotency_key:
            headers["idempotency-key"] = sent.call.idempotency_key
        if sent.tool.user_delegated and sent.call.user_token is not None:
            headers["authorization"] = f"Bearer {sent.call.user_token.reveal()}"
        elif sent.tool.secret_arn:
            headers["authorization"] = self._secrets.get(
                sent.name, run_id=sent.call.run_id, tenant=sent.tenant
            ).reveal()
        body = json.dumps(sent.arguments).encode()
        status, payload = self._send("POST", sent.tool.url, body, headers, sent.tool.timeout_seconds)
        if 200 <= status < 300:
            return _read(payload) if payload else None
        # A redirect is not followed: where it leads nobody has allowed. Like every 4xx it has done nothing.
        kind = "tool-failed" if status < 500 else "tool-unavailable"
        raise ToolError(kind, f"the tool answered {status}", acted=status >= 500)

    def _send(
        self, method: str, url: str, body: bytes | None, headers: dict[str, str], seconds: float
    ) -> tuple[int, bytes]:
        """Status and body. A socket's timeout begins anew with each byte, so that the end is looked at."""
        parts, ends = urlsplit(url), self._clock() + seconds
        path = parts.path + (f"?{parts.query}" if parts.query else "")
        was_sent = False
        connection: http.client.HTTPConnection
        if parts.scheme == "https":
            context = ssl.create_default_context()
            connection = http.client.HTTPSConnection(
                parts.hostname or "", parts.port, timeout=seconds, context=context
            )
        else:
            connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=seconds)
        try:
            connection.connect()
            was_sent = True
            connection.request(method, path or "/", body, headers)
            response, held = connection.getresponse(), bytearray()
            while chunk := response.read1(65_536):
                held += chunk
                if len(held) > MOST_RESULT_BYTES:
                    raise _too_large()
                if self._clock() > ends:
                    raise TimeoutError
            return response.status, bytes(held)
        except TimeoutError as error:
            raise ToolError("tool-timeout", f"no answer within {seconds:g} s", acted=was_sent) from error
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise ToolError("tool-unavailable", "the tool does not answer", acted=was_sent) from error
        finally:
            connection.close()


def without(value: Any, secret: str) -> Any:
    """`value` with every occurrence of `secret` blotted out, in keys too."""
    if isinstance(value, str):
        return value.replace(secret, "***")
    if isinstance(value, dict):
        return {without(key, secret): without(held, secret) for key, held in value.items()}
    return [without(held, secret) for held in value] if isinstance(value, list) else value


def _read(payload: bytes) -> Any:
    if len(payload) > MOST_RESULT_BYTES:
        raise _too_large()
    try:
        result = json.loads(payload)
        json.dumps(result, allow_nan=False)
    except (ValueError, RecursionError) as error:
        raise ToolError("tool-failed", "the tool's answer is not JSON", acted=True) from error
    return result


def _too_large() -> ToolError:
    return ToolError("tool-failed", f"the answer has more than {MOST_RESULT_BYTES} bytes", acted=True)


def _too_slow(tool: GatewayTool) -> ToolError:
    return ToolError("tool-timeout", f"no answer within {tool.timeout_seconds} s", acted=True)


def _is_server(error: ClientError) -> bool:
    return error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 500) >= 500
