"""Reaches a tool: its own function, or an address on the list; bounded in size and time."""

import json
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    CredentialRetrievalError,
    EndpointConnectionError,
    NoCredentialsError,
    ParamValidationError,
    PartialCredentialsError,
    ProxyConnectionError,
    ReadTimeoutError,
)

from agent_runtime.gateway.calls import ToolCall
from agent_runtime.gateway.declared import GatewayTool
from agent_runtime.gateway.sending import MOST_RESULT_BYTES, ToolError, send, too_large
from agent_runtime.secrets import SecretReader

_log = logging.getLogger("agent_runtime.gateway")
_NOT_SENT: Final = (
    ConnectTimeoutError,
    CredentialRetrievalError,
    EndpointConnectionError,
    NoCredentialsError,
    ParamValidationError,
    PartialCredentialsError,
    ProxyConnectionError,
)
_NOT_BEGUN: Final = frozenset(
    {
        "EC2AccessDeniedException",
        "EC2ThrottledException",
        "EC2UnexpectedException",
        "ENILimitReachedException",
        "InvalidSecurityGroupIDException",
        "InvalidSubnetIDException",
        "InvalidZipFileException",
        "KMSAccessDeniedException",
        "KMSDisabledException",
        "KMSInvalidStateException",
        "KMSNotFoundException",
        "ResourceNotReadyException",
        "SubnetIPAddressLimitReachedException",
    }
)
"""Answered with 502 where Lambda could not set the function up:
https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html#API_Invoke_Errors"""


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

    def call(self, sent: Sent, sends: Callable[[], None]) -> Any:
        """The tool's result, as JSON gives it. The user's token is blotted out of it. `sends` is called right
        before anything is sent; what it raises stops the call. Raises `ToolError`."""
        result = self._invoked(sent, sends) if sent.tool.function_arn else self._posted(sent, sends)
        return without(result, sent.call.user_token.reveal()) if sent.call.user_token else result

    def is_well(self, tool: GatewayTool) -> bool:
        """Whether the tool's server answers."""
        try:
            if tool.function_arn:
                reply = self._invoke(tool, {"health": True})
                return isinstance(reply, dict) and reply.get("result") == "ok"
            parts = urlsplit(tool.url)
            at = tool.health_url or f"{parts.scheme}://{parts.netloc}/health"
            return send(self._clock, "GET", at, None, {}, min(5, tool.timeout_seconds))[0] == 200
        except ToolError:
            return False

    def _invoked(self, sent: Sent, sends: Callable[[], None]) -> Any:
        reply = self._invoke(sent.tool, sent.event(), sends)
        if not isinstance(reply, dict) or ("result" in reply) == ("error" in reply):
            raise ToolError("tool-failed", "the tool answered what no tool answers", acted=True)
        if "error" in reply:
            refused = reply["error"] if isinstance(reply["error"], dict) else {}
            raise ToolError(
                "tool-failed", str(refused.get("detail", ""))[:500], acted=refused.get("acted") is not False
            )
        return reply["result"]

    def _invoke(
        self, tool: GatewayTool, event: dict[str, Any], sends: Callable[[], None] = lambda: None
    ) -> Any:
        try:
            invoke = self._functions(float(tool.timeout_seconds)).invoke
        except BotoCoreError as error:
            raise ToolError("tool-unavailable", "the tool cannot be called", acted=False) from error
        payload = json.dumps(event).encode()
        sends()
        try:
            reply = invoke(FunctionName=tool.function_arn, Payload=payload)
            answered: bytes = reply["Payload"].read(MOST_RESULT_BYTES + 1024)
        except ReadTimeoutError as error:
            raise _too_slow(tool) from error
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code", "unknown")
            _log.warning("tool not called", extra={"code": code})
            # Lambda refuses before it begins; a service's own failure may come after.
            acted = _is_server(error) and code not in _NOT_BEGUN
            raise ToolError("tool-unavailable", "the tool cannot be called", acted=acted) from error
        except BotoCoreError as error:
            acted = not isinstance(error, _NOT_SENT)
            raise ToolError("tool-unavailable", "the tool does not answer", acted=acted) from error
        if reply.get("FunctionError"):
            raise ToolError("tool-failed", "the tool ended with an error", acted=True)
        return _read(answered)

    def _posted(self, sent: Sent, sends: Callable[[], None]) -> Any:
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
        status, payload = send(
            self._clock, "POST", sent.tool.url, body, headers, sent.tool.timeout_seconds, sends
        )
        if 200 <= status < 300:
            return _read(payload) if payload else None
        # A redirect is not followed: where it leads nobody has allowed. Like every 4xx it has done nothing.
        kind = "tool-failed" if status < 500 else "tool-unavailable"
        raise ToolError(kind, f"the tool answered {status}", acted=status >= 500)


def without(value: Any, secret: str) -> Any:
    """`value` with every occurrence of `secret` blotted out, in keys too."""
    if isinstance(value, str):
        return value.replace(secret, "***")
    if isinstance(value, dict):
        return {without(key, secret): without(held, secret) for key, held in value.items()}
    return [without(held, secret) for held in value] if isinstance(value, list) else value


def _read(payload: bytes) -> Any:
    if len(payload) > MOST_RESULT_BYTES:
        raise too_large()
    try:
        result = json.loads(payload)
        json.dumps(result, allow_nan=False)
    except (ValueError, RecursionError) as error:
        raise ToolError("tool-failed", "the tool's answer is not JSON", acted=True) from error
    return result


def _too_slow(tool: GatewayTool) -> ToolError:
    return ToolError("tool-timeout", f"no answer within {tool.timeout_seconds} s", acted=True)


def _is_server(error: ClientError) -> bool:
    return error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 500) >= 500
