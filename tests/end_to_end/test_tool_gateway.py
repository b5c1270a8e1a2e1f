"""A tool gateway by its real ports: what it lets through acts once, what it refuses reaches nothing."""

import json
import re
import time
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from tests import secret_scanner
from tests.end_to_end.asks import send
from tests.end_to_end.deployments import Deployment
from tests.end_to_end.gateways import Gateway, Server, declare
from tests.end_to_end.rights import assert_used
from tests.servers import Quiet, Threaded, make_server, serving

pytestmark = pytest.mark.end_to_end

KIND = "urn:agent-hosting:problem:"


@pytest.fixture(scope="module")
def gateway(deployment: Deployment) -> Iterator[Gateway]:
    server = Server()
    with serving(make_server("127.0.0.1", 0, server, Threaded, Quiet)) as address:
        declare(deployment, address)
        deployment.run("up")
        yield Gateway(deployment, server)


def test_a_call_reaches_a_server_or_a_function_as_declared(gateway: Gateway) -> None:
    before = len(gateway.server.reached)
    assert gateway.call("lookup", {"order": "AB-1"})[0] == 200
    ((_, told),) = gateway.server.reached[before:]
    assert told == {"authorization": "local-key", "body": {"order": "AB-1"}}
    found = {"order": "AB-2", "tenant": "acme"}
    assert gateway.call("stock", {"order": "AB-2"}) == (200, {"result": found})
    status, problem = gateway.call("stock", {"order": "XX-0"})
    assert (status, problem["detail"]) == (502, "there is no such order")


def test_a_replayed_call_acts_once_and_gets_the_same_answer(gateway: Gateway) -> None:
    before = len(gateway.server.reached)
    first = gateway.call("note", {"text": "hello"}, idempotency_key="k-1")
    assert first[0] == 200
    assert gateway.call("note", {"text": "hello"}, idempotency_key="k-1") == first
    status, problem = gateway.call("note", {"text": "other"}, idempotency_key="k-1")
    assert (status, problem["type"]) == (409, KIND + "idempotency-mismatch")
    assert len(gateway.server.reached) == before + 1


REFUSED: list[tuple[str, dict[str, Any], int, str]] = [
    ("lookup", {"arguments": {"order": "AB-1' OR 1=1"}}, 400, "arguments-refused"),
    ("lookup", {"arguments": {"order": "AB-1", "admin": True}}, 400, "arguments-refused"),
    ("drop_tables", {}, 404, "unknown-tool"),
    ("note", {"raw": b"x" * 400_000}, 413, "too-large"),
    ("note", {"raw": b'{"arguments": '}, 400, "bad-request"),
    ("note", {"raw": b"\xff\xfe"}, 400, "bad-request"),
    ("note", {"idempotency_key": ""}, 400, "bad-request"),
    ("rare", {"tenant": "other"}, 403, "run-refused"),
    ("rare", {"run_id": "f" * 32}, 403, "run-refused"),
    ("payroll", {}, 403, "tool-forbidden"),
    ("refund", {"idempotency_key": "k-2"}, 403, "approval-needed"),
    ("refund", {"idempotency_key": "k-2", "approval": "000001"}, 403, "approval-refused"),
    ("fetch", {"arguments": {"page": "http://169.254.169.254/latest/meta-data"}}, 403, "destination-refused"),
]


@pytest.mark.parametrize(("tool", "given", "status", "kind"), REFUSED)
def test_what_is_refused_reaches_nothing_and_is_logged_and_counted(
    gateway: Gateway, tool: str, given: dict[str, Any], status: int, kind: str
) -> None:
    before = len(gateway.server.reached)
    answered, problem = gateway.call(
        tool, given.get("arguments"), **{k: v for k, v in given.items() if k != "arguments"}
    )
    assert (answered, problem.get("type")) == (status, KIND + kind), problem
    assert len(gateway.server.reached) == before
    lines = gateway.told()
    assert [line for line in lines if line.get("outcome") == kind and "logger" in line]
    assert [line for line in lines if line.get("outcome") == kind and line.get("GatewayRefused") == 1]


@pytest.mark.parametrize("token", ["expired", "forged", "none", "other audience"])
def test_a_token_that_does_not_count_opens_nothing(gateway: Gateway, token: str) -> None:
    before = len(gateway.server.reached)
    given = {
        "expired": gateway.signed(-120),
        "forged": re.sub(r"[^.]{10}$", "A" * 10, gateway.token),
        "none": " ",
        "other audience": gateway.workload("agent-handbook", "agents"),
    }[token]
    assert gateway.call("lookup", {"order": "AB-1"}, token=given)[0] == 401
    assert len(gateway.server.reached) == before
    assert '"status":"401"' in gateway.logged("tools-door-access")


def test_tenants_of_a_token_and_of_a_call_are_not_mixed_up(gateway: Gateway) -> None:
    before = len(gateway.server.reached)
    token = gateway.signed(600, tenant="other", client_id="agent-handbook")
    status, problem = gateway.call("lookup", {"order": "AB-1"}, token=token)
    assert (status, problem["type"]) == (403, KIND + "tenant-refused")
    status, problem = gateway.call("lookup", {"order": "AB-1"}, token=gateway.workload("stranger"))
    assert (status, problem["type"]) == (403, KIND + "caller-unknown")
    assert len(gateway.server.reached) == before


def test_calls_over_the_rate_are_told_when_to_come_back(gateway: Gateway) -> None:
    before = len(gateway.server.reached)
    # Three calls meet two minutes at most.
    statuses = [gateway.call("rare")[0] for _ in range(3)]
    assert statuses[0] == 200
    assert 429 in statuses
    assert len(gateway.server.reached) == before + statuses.count(200)


def test_health_tells_version_and_health_of_each_tool(gateway: Gateway) -> None:
    headers = {"authorization": f"Bearer {gateway.token}"}
    status, body = send(urllib.request.Request(f"{gateway.url}/health", headers=headers))
    assert (status, body["tools"]["stock"]) == (200, {"version": "1.0.0", "health": "ok"})
    assert "payroll" not in body["tools"]


def test_an_mcp_client_finds_and_calls_the_same_tools(gateway: Gateway) -> None:
    import asyncio

    import httpx2
    from mcp.client.client import Client
    from mcp.client.streamable_http import streamable_http_client

    headers = {
        "authorization": f"Bearer {gateway.token}",
        "agent-run-id": gateway.run_id,
        "agent-tenant": "acme",
    }

    async def talk() -> tuple[set[str], Any, Any]:
        async with (
            httpx2.AsyncClient(headers=headers, timeout=60) as http,
            Client(streamable_http_client(f"{gateway.url}/mcp", http_client=http)) as client,
        ):
            names = {tool.name for tool in (await client.list_tools()).tools}
            done = await client.call_tool("stock", {"order": "AB-3"})
            return names, done, await client.call_tool("stock", {"order": "../etc/passwd"})

    names, done, refused = asyncio.run(talk())
    assert {"lookup", "stock"} <= names
    assert "payroll" not in names
    assert done.structured_content == {"order": "AB-3", "tenant": "acme"}
    assert refused.is_error
    assert refused.structured_content["type"] == KIND + "arguments-refused"


def _audited(deployment: Deployment, run_id: str) -> list[dict[str, Any]]:
    shown = deployment.run("audit", "show", "handbook", "--run", run_id, "--kind", "tool-call", "--json")
    return [entry["what"] for entry in json.loads(shown)]


def test_a_run_reads_and_writes_by_the_gateway_and_both_trails_tell(gateway: Gateway) -> None:
    before = len(gateway.server.reached)
    status, run = gateway.run(
        ("lookup", {"order": "AB-7"}), ("stock", {"order": "AB-8"}), ("note", {"text": "hello"})
    )
    assert (status, run["status"]) == (200, "DONE"), run
    done = [{"done": before + 1}, {"order": "AB-8", "tenant": "acme"}, {"done": before + 2}]
    assert run["output"]["answers"] == [{"said": one} for one in done]
    assert [told["body"] for _, told in gateway.server.reached[before:]] == [
        {"order": "AB-7"},
        {"text": "hello"},
    ]
    run_id = run["run_id"]
    entries = _audited(gateway.deployment, run_id)
    assert [(e["tool"], e.get("effect"), e.get("outcome")) for e in entries] == [
        ("lookup", "read", None),
        ("stock", "read", None),
        ("note", "write", None),
        ("note", None, "done"),
    ]
    calls = [line for line in gateway.told() if line.get("run_id") == run_id and "asked" in line]
    assert [(c["tool"], c["outcome"], c["agent"], c["tenant"], c["step"]) for c in calls] == [
        ("lookup", "ok", "handbook", "acme", "000001"),
        ("stock", "ok", "handbook", "acme", "000002"),
        ("note", "ok", "handbook", "acme", "000003"),
    ]


def test_a_run_is_told_what_the_gateway_refuses_it_and_goes_on(gateway: Gateway) -> None:
    before = len(gateway.server.reached)
    _, run = gateway.run(("payroll", {}), ("lookup", {"order": "AB-9"}))
    refused, found = run["output"]["answers"]
    assert "tool-forbidden" in refused["refused"]
    assert found == {"said": {"done": before + 1}}
    outcomes = [entry.get("outcome") for entry in _audited(gateway.deployment, run["run_id"])]
    assert outcomes == [None, "ToolRefused", None]


def test_a_destructive_call_reaches_its_tool_once_a_person_has_approved_of_it(gateway: Gateway) -> None:
    before = len(gateway.server.reached)
    call = ("refund", {"order": "AB-5", "eur": 20})
    status, waits = gateway.run(call, key="refund-1")
    assert (status, waits["status"]) == (202, "WAITING_APPROVAL"), waits
    assert len(gateway.server.reached) == before
    (asked,) = json.loads(gateway.deployment.run("approvals", "list", "--json"))
    assert asked["run_id"] == waits["run_id"]
    assert "AB-5" in asked["summary"]
    gateway.deployment.run("approvals", "approve", asked["approval_id"])
    status, run = gateway.run(call, key="refund-1")
    assert (status, run["output"]) == (200, {"answers": [{"said": {"done": before + 1}}]}), run
    ((_, told),) = gateway.server.reached[before:]
    assert told["body"] == {"order": "AB-5", "eur": 20}
    assert gateway.run(call, key="refund-1")[1]["output"] == run["output"]
    assert len(gateway.server.reached) == before + 1
    said = json.loads(gateway.deployment.run("audit", "show", "handbook", "--run", run["run_id"], "--json"))
    assert [entry["kind"] for entry in said if entry["kind"] != "secret-read"] == [
        "approval-asked",
        "approval-decided",
        "tool-call",
        "tool-call",
    ]
    gateway.run(call, key="refund-2")
    (asked,) = json.loads(gateway.deployment.run("approvals", "list", "--json"))
    gateway.deployment.run("approvals", "deny", asked["approval_id"])
    (answer,) = gateway.run(call, key="refund-2")[1]["output"]["answers"]
    assert "nobody approved" in answer["refused"]
    assert len(gateway.server.reached) == before + 1


def test_the_gateways_own_trail_tells_who_acted_and_is_locked(gateway: Gateway) -> None:
    _, run = gateway.run(("note", {"text": "told twice"}), ("payroll", {}))
    gateway.call("note", {"text": "by itself"}, idempotency_key="k-9")
    deployment = gateway.deployment
    shown = json.loads(deployment.run("audit", "show", "tools", "--run", run["run_id"], "--json"))
    calls = [(entry["who"], entry["what"]) for entry in shown if entry["kind"] == "tool-call"]
    assert [(who, what["tool"], what.get("effect") or what["outcome"]) for who, what in calls] == [
        ("handbook", "note", "write"),
        ("handbook", "note", "done"),
        ("handbook", "payroll", "tool-forbidden"),
    ]
    gateway.fire("tools-audit-export")
    ends = time.monotonic() + 120
    while (told := json.loads(deployment.run("audit", "verify", "tools", "--json")))["exported"] == 0:
        assert time.monotonic() < ends, told
        time.sleep(1)
    assert (told["whole"], told["findings"]) == (True, [])


def test_tools_that_are_down_are_told_of_by_schedule(gateway: Gateway) -> None:
    def last() -> int | None:
        counted = [line["ToolsDown"] for line in gateway.told() if "ToolsDown" in line]
        return counted[-1] if counted else None

    for is_well, down in ((False, 7), (True, 0)):
        gateway.server.is_well = is_well
        gateway.fire("tools-health")
        ends = time.monotonic() + 120
        while last() != down:
            assert time.monotonic() < ends, gateway.logged("tools-gateway")[-2000:]
            time.sleep(0.2)


def test_the_callers_own_token_reaches_the_tool_and_is_found_nowhere(gateway: Gateway) -> None:
    before, token = len(gateway.server.reached), "users-own-token-4711"
    _, run = gateway.run(("mine", {}), ("lookup", {"order": "AB-1"}), user_token=token)
    assert [list(answer) for answer in run["output"]["answers"]] == [["said"], ["said"]]
    told = [told["authorization"] for _, told in gateway.server.reached[before:]]
    assert told == [f"Bearer {token}", "local-key"]
    (answer,) = gateway.run(("mine", {}))[1]["output"]["answers"]
    assert "call again, with the header agent-user-token" in answer["refused"]
    assert len(gateway.server.reached) == before + 2
    client = gateway.deployment.client
    written = [
        *secret_scanner.files(gateway.deployment.root / ".agent-hosting"),
        *secret_scanner.logs(client("logs")),
        *secret_scanner.items(client("dynamodb")),
        *secret_scanner.objects(client("s3")),
    ]
    assert secret_scanner.places_of(token, written) == []
    assert secret_scanner.places_of(run["run_id"], written) != []


def test_nothing_was_refused_by_aws_and_every_right_was_used(gateway: Gateway) -> None:
    refusals = gateway.deployment.root / ".agent-hosting" / "cloud" / "refusals.jsonl"
    assert not refusals.exists() or refusals.read_text() == ""
    deployment = gateway.deployment
    assert_used(deployment, __file__)
