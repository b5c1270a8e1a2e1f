"""The gateway's MCP endpoint, as the official SDK's client finds it: both generations of the protocol."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import httpx2
import pytest
from mcp.client.client import Client
from mcp.client.streamable_http import streamable_http_client

from tests.runtime.doors import Context
from tests.runtime.tool_gateway_world import AGENT, CLIENT, GatewayWorld


@pytest.fixture
def world(aws: Any, serve: Callable[[Any], str], http_event: Any) -> GatewayWorld:
    return GatewayWorld(aws, serve, http_event)


class Door:
    """An HTTP API before the gateway's function, whose authorizer lets everybody in as one client."""

    def __init__(self, world: GatewayWorld, http_event: Any, client: str = CLIENT) -> None:
        self._world, self._event, self.client = world, http_event, client
        self.bodies: list[bytes] = []

    def __call__(self, environ: dict[str, Any], start_response: Any) -> list[bytes]:
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        headers = {k[5:].lower().replace("_", "-"): v for k, v in environ.items() if k.startswith("HTTP_")}
        headers["content-type"] = environ.get("CONTENT_TYPE", "")
        event = self._event(
            environ["REQUEST_METHOD"],
            environ["PATH_INFO"].removeprefix("/v1"),
            body.decode(),
            claims={"client_id": self.client},
            headers=headers,
        )
        done = self._world.host.handle(event, Context())
        self.bodies.append(done["body"].encode())
        start_response(f"{done['statusCode']} Status", list(done["headers"].items()))
        return [done["body"].encode()]


def with_client(url: str, headers: dict[str, str], use: Any, mode: Any) -> Any:
    async def connected() -> Any:
        async with (
            httpx2.AsyncClient(headers=headers) as http,
            Client(streamable_http_client(f"{url}/mcp", http_client=http), mode=mode) as client,
        ):
            return await use(client)

    return asyncio.run(asyncio.wait_for(connected(), 60))


@pytest.fixture(params=["legacy", "auto"])
def using(
    request: pytest.FixtureRequest, world: GatewayWorld, serve: Callable[[Any], str], http_event: Any
) -> Callable[[Any], Any]:
    url = serve(Door(world, http_event))
    headers = {"agent-run-id": world.run_id, "agent-tenant": "acme"}
    return lambda use: with_client(url, headers, use, request.param)


def test_a_client_finds_the_tools_of_its_roles_with_what_they_do(using: Callable[[Any], Any]) -> None:
    listed = using(lambda client: client.list_tools())
    tools = {tool.name: tool for tool in listed.tools}
    assert "lookup" in tools
    assert "private" not in tools
    assert tools["lookup"].input_schema["required"] == ["order"]
    assert tools["lookup"].annotations.read_only_hint is True
    assert tools["refund"].annotations.destructive_hint is True


def test_a_call_goes_through_the_same_gates(world: GatewayWorld, using: Callable[[Any], Any]) -> None:
    done = using(lambda client: client.call_tool("lookup", {"order": "AB-1"}))
    assert (done.is_error, done.structured_content) == (False, {"found": True})
    assert world.reached == 1
    for name, arguments, meta, kind in (
        ("lookup", {"order": "../etc"}, {}, "arguments-refused"),
        ("unknown", {}, {}, "unknown-tool"),
        ("private", {}, {}, "tool-forbidden"),
        ("note", {}, {}, "bad-request"),
        ("refund", {"order": "AB-1"}, {"idempotency_key": "k"}, "approval-needed"),
    ):

        async def call(client: Any, name: str = name, given: Any = arguments, meta: Any = meta) -> Any:
            return await client.call_tool(name, given, meta=meta)

        refused = using(call)
        assert refused.is_error, name
        assert refused.structured_content["type"].endswith(kind)
        assert world.lines[-1]["outcome"] == kind
    assert world.reached == 1


def test_a_key_in_meta_acts_once(world: GatewayWorld, using: Callable[[Any], Any]) -> None:
    async def twice(client: Any) -> Any:
        return [await client.call_tool("note", {"a": 1}, meta={"idempotency_key": "k"}) for _ in "ab"]

    first, second = using(twice)
    assert first.structured_content == second.structured_content == {"found": True}
    assert world.reached == 1


def told(world: GatewayWorld, outcome: str, caplog: pytest.LogCaptureFixture) -> None:
    """Counted and logged once, as other refusals."""
    (line,) = world.lines
    assert (line["outcome"], line["GatewayRefused"], line["agent"]) == (outcome, 1, AGENT)
    assert [r.message for r in caplog.records if r.name == "agent_runtime.gateway"] == ["tool call refused"]


@pytest.mark.parametrize(
    ("message", "outcome"),
    [
        ({"method": "nothing/such"}, "bad-request"),
        ({"method": "tools/call", "params": {}}, "bad-request"),
        ({"method": "tools/call", "params": {"name": "unknown", "arguments": {}}}, "unknown-tool"),
        ({"method": "tools/list"}, None),
    ],
)
def test_a_message_that_is_refused_is_told_of_once(
    world: GatewayWorld,
    http_event: Any,
    message: dict[str, Any],
    outcome: str | None,
    caplog: pytest.LogCaptureFixture,
) -> None:
    headers = {"content-type": "application/json", "accept": "application/json, text/event-stream"}
    body = json.dumps({"jsonrpc": "2.0", "id": 1, **message})
    event = http_event("POST", "/mcp", body, claims={"client_id": CLIENT}, headers=headers)
    assert world.host.handle(event, Context())["statusCode"] == 200
    if outcome is None:
        assert world.lines == []
    else:
        told(world, outcome, caplog)


@pytest.mark.parametrize("body", ["", "{", "[]", '{"jsonrpc": "2.0"}', "null", '"x"', "[" * 50_000])
def test_what_is_no_message_is_refused(
    world: GatewayWorld, http_event: Any, body: str, caplog: pytest.LogCaptureFixture
) -> None:
    headers = {"content-type": "application/json", "accept": "application/json, text/event-stream"}
    event = http_event("POST", "/mcp", body, claims={"client_id": CLIENT}, headers=headers)
    assert 400 <= world.host.handle(event, Context())["statusCode"] < 500
    assert world.reached == 0
    told(world, "bad-request", caplog)


def test_nobody_who_is_not_declared_sees_a_tool(world: GatewayWorld, http_event: Any) -> None:
    event = http_event("POST", "/mcp", "{}", claims={"client_id": "stranger"})
    done = world.host.handle(event, Context())
    assert (done["statusCode"], json.loads(done["body"])["title"]) == (403, "The caller is not declared")
    assert world.lines[-1]["outcome"] == "caller-unknown"


@pytest.mark.parametrize("method", ["GET", "DELETE", "PUT"])
def test_a_stream_or_a_session_is_not_opened(
    world: GatewayWorld, http_event: Any, method: str, caplog: pytest.LogCaptureFixture
) -> None:
    headers = {"accept": "text/event-stream"}
    event = http_event(method, "/mcp", None, claims={"client_id": CLIENT}, headers=headers)
    assert world.host.handle(event, Context())["statusCode"] == 405
    told(world, "method-not-allowed", caplog)
