"""How an agent's process reaches its tool gateway: one request, and an answer that says what came of it."""

import http.client
import json
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote, urlsplit

from agent_runtime.secrets import SecretValue
from agent_runtime.tools.workload import WorkloadTokens

UNREACHED: Final = "gateway-unreached"
"""No answer came: with the same key it may be asked again."""
_KIND: Final = "urn:agent-hosting:problem:"
_MOST_BYTES: Final = 1024 * 1024


@dataclass(frozen=True)
class GatewayAnswer:
    """`kind` is empty for a result, else that of the problem document (docs/tool-gateway.md), `unauthorized`
    or `UNREACHED`."""

    status: int
    result: Any = None
    kind: str = ""
    detail: str = ""
    retry_after_seconds: int | None = None

    @property
    def may_pass(self) -> bool:
        """Whether the same call, by the same key, may be answered later."""
        return self.status in (0, 429) or self.status >= 500 or self.kind == "call-in-progress"


class GatewayClient:
    """Calls `{url}/tools/{name}`. `tokens` gives the agent's own; safe for threads."""

    def __init__(self, url: str, tokens: WorkloadTokens) -> None:
        self._url = urlsplit(url.rstrip("/"))
        self._tokens = tokens

    def call(
        self,
        tool: str,
        arguments: Mapping[str, Any],
        *,
        run_id: str,
        tenant: str,
        step: str = "",
        idempotency_key: str = "",
        approval: str = "",
        user_token: SecretValue | None = None,
        seconds: float = 29.0,
    ) -> GatewayAnswer:
        """What the gateway says. A token that it does not take is fetched anew once. Raises
        `ToolGatewayUnavailable` where there is no token to be had."""
        fields = {
            "arguments": dict(arguments),
            "run_id": run_id,
            "tenant": tenant,
            "step": step,
            "idempotency_key": idempotency_key,
            "approval": approval,
        }
        body = json.dumps({name: value for name, value in fields.items() if value != ""}).encode()
        token = self._tokens.token()
        answer = self._post(tool, body, token, user_token, seconds)
        if answer.status == 401:
            answer = self._post(tool, body, self._tokens.token(refused=token), user_token, seconds)
        return answer

    def _post(
        self, tool: str, body: bytes, token: SecretValue, user_token: SecretValue | None, seconds: float
    ) -> GatewayAnswer:
        headers = {"content-type": "application/json", "authorization": f"Bearer {token.reveal()}"}
        if user_token is not None:
            headers["agent-user-token"] = user_token.reveal()
        connection = self._connect(seconds)
        try:
            connection.request("POST", f"{self._url.path}/tools/{quote(tool, safe='')}", body, headers)
            response = connection.getresponse()
            document = _document(response.read(_MOST_BYTES))
            return _answer(response.status, document, response.getheader("Retry-After"))
        except (OSError, http.client.HTTPException):
            return GatewayAnswer(0, kind=UNREACHED, detail="the tool gateway does not answer")
        finally:
            connection.close()

    def _connect(self, seconds: float) -> http.client.HTTPConnection:
        host, port = self._url.hostname or "", self._url.port
        if self._url.scheme == "https":
            context = ssl.create_default_context()
            return http.client.HTTPSConnection(host, port, timeout=seconds, context=context)
        return http.client.HTTPConnection(host, port, timeout=seconds)


def from_environment(
    environ: Mapping[str, str], tokens: Callable[[str, str, str, str], WorkloadTokens]
) -> GatewayClient | None:
    """The client of a process' environment, None where no gateway is declared. `tokens` is called with token
    endpoint, client id, audience and scope."""
    url = environ.get("AGENT_TOOL_GATEWAY")
    if not url:
        return None
    prefix = "AGENT_TOOL_GATEWAY_"
    token_url, client, audience, scope = (
        environ.get(f"{prefix}{name}", "") for name in ("TOKEN_URL", "CLIENT", "AUDIENCE", "SCOPE")
    )
    return GatewayClient(url, tokens(token_url, client, audience, scope))


def _answer(status: int, document: dict[str, Any], retry_after: str | None) -> GatewayAnswer:
    if status == 200 and "result" in document:
        return GatewayAnswer(status, document["result"])
    kind = str(document.get("type", "")).removeprefix(_KIND)
    if not kind:
        kind = "unauthorized" if status == 401 else UNREACHED
    wait = int(retry_after) if retry_after is not None and retry_after.isdecimal() else None
    return GatewayAnswer(status, None, kind, str(document.get("detail", ""))[:500], wait)


def _document(body: bytes) -> dict[str, Any]:
    try:
        found: object = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
