"""The gateway's tools by the Model Context Protocol: streamable HTTP without sessions, by the official SDK.

Each request stands alone, as a function's calls do: the SDK's own transport reads it and words the answer,
and a call goes through the same gates as one by plain HTTP. What a call needs beside its arguments comes
in headers (`agent-run-id`, `agent-tenant`, `agent-user-token`) and, since it differs from call to call, in
the request's `_meta` (`idempotency_key`, `approval`, `step`).
"""

import asyncio
import contextlib
import json
from collections.abc import Mapping
from typing import Any

import mcp_types as types
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager

from agent_runtime.gateway.calls import MOST_BYTES, USER_TOKEN, Identity, call_of
from agent_runtime.gateway.gateway import ToolGateway
from agent_runtime.hosts.http import Reply
from agent_runtime.hosts.problems import Problem

_FROM_META = ("idempotency_key", "approval", "step")


def answer(
    gateway: ToolGateway, who: Identity, method: str, headers: Mapping[str, str], body: bytes
) -> Reply:
    """The response to one HTTP request. Raises `Problem` 403 for a caller that is not declared and 413."""
    gateway.visible(who)
    if method != "POST":
        # Neither a stream of the server's own nor a session: a function answers, and is gone.
        gateway.refuse(who, Problem(405, "method-not-allowed", "There are no streams", "send a POST"))
        return Reply(405, {"allow": "POST", "content-type": "application/json"}, "{}")
    if len(body) > MOST_BYTES:
        raise Problem(413, "too-large", "The request is too large", f"at most {MOST_BYTES} bytes are read")
    reply = asyncio.run(_answer(_server(gateway, who, headers), method, headers, body))
    if (problem := _refusal(reply)) is not None:
        gateway.refuse(who, problem)
    return reply


def _refusal(reply: Reply) -> Problem | None:
    """What the SDK refused by itself, before there was a call: no message, or one for which there is nothing.
    Its own failures are none: a call that ends in one was told of."""
    code = 0
    with contextlib.suppress(ValueError):
        document: Any = json.loads(reply.body or "{}")
        code = document["error"].get("code", 0) if isinstance(document, dict) and "error" in document else 0
    if reply.status < 400 and code in (0, types.INTERNAL_ERROR):
        return None
    return Problem(max(reply.status, 400), "bad-request", "The message is refused", f"JSON-RPC error {code}")


def _server(gateway: ToolGateway, who: Identity, headers: Mapping[str, str]) -> Server[Any]:
    async def tools(
        _: ServerRequestContext[Any], __: types.PaginatedRequestParams | None
    ) -> types.ListToolsResult:
        return types.ListToolsResult(
            tools=[
                types.Tool(
                    name=name,
                    description=tool.description,
                    input_schema=tool.input_schema or {"type": "object"},
                    annotations=types.ToolAnnotations(
                        read_only_hint=not tool.acts,
                        destructive_hint=tool.effect == "destructive",
                        idempotent_hint=tool.idempotent,
                    ),
                )
                for name, tool in gateway.visible(who).items()
            ]
        )

    async def call(
        context: ServerRequestContext[Any], params: types.CallToolRequestParams
    ) -> types.CallToolResult:
        meta: Mapping[str, Any] = dict(context.meta or {})
        fields = {name: meta[name] for name in _FROM_META if name in meta}
        fields |= {
            "run_id": headers.get("agent-run-id", ""),
            "tenant": headers.get("agent-tenant", ""),
        }
        try:
            asked = call_of(params.name, params.arguments or {}, fields, headers.get(USER_TOKEN))
        except Problem as problem:
            gateway.refuse(who, problem, params.name)
            return _refused(problem)
        try:
            result = await asyncio.to_thread(gateway.call, who, asked)
        except Problem as problem:
            return _refused(problem)
        shown = result if isinstance(result, dict) else {"result": result}
        return types.CallToolResult(content=[_text(result)], structured_content=shown)

    return Server(gateway.rules.gateway, on_list_tools=tools, on_call_tool=call)


def _refused(problem: Problem) -> types.CallToolResult:
    """The problem document, as a result that a model can read and go on from."""
    document = problem.document("/mcp")
    return types.CallToolResult(content=[_text(document)], structured_content=document, is_error=True)


def _text(value: Any) -> types.TextContent:
    return types.TextContent(type="text", text=json.dumps(value))


async def _answer(server: Server[Any], method: str, headers: Mapping[str, str], body: bytes) -> Reply:
    """The SDK's ASGI application, called for one request."""
    manager = StreamableHTTPSessionManager(server, json_response=True, stateless=True)
    received = [{"type": "http.request", "body": body, "more_body": False}]
    sent: list[dict[str, Any]] = []
    over = asyncio.Event()

    async def receive() -> dict[str, Any]:
        if received:
            return received.pop()
        await over.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "https",
        "path": "/mcp",
        "raw_path": b"/mcp",
        "query_string": b"",
        "root_path": "",
        "headers": [
            (n.encode("latin-1", "replace"), v.encode("latin-1", "replace")) for n, v in headers.items()
        ],
        "client": None,
        "server": None,
    }
    async with manager.run():
        await manager.handle_request(scope, receive, send)
        over.set()
    begun = next(message for message in sent if message["type"] == "http.response.start")
    text = b"".join(m.get("body", b"") for m in sent if m["type"] == "http.response.body").decode()
    named = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in begun["headers"]}
    return Reply(begun["status"], {n: v for n, v in named.items() if n != "content-length"}, text)
