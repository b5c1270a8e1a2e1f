"""A tool gateway by its real ports: what it lets through acts once, what it refuses reaches nothing."""

import base64
import io
import json
import re
import urllib.parse
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from agent_runtime.blobs import BlobStore
from agent_runtime.checkpoints import CheckpointStore
from embedded_aws.http_apis.issuer import CLIENT_SECRET, Issuer
from tests.end_to_end.asks import send
from tests.end_to_end.deployments import Deployment
from tests.end_to_end.rights import assert_used
from tests.servers import Quiet, Threaded, make_server, serving

pytestmark = pytest.mark.end_to_end

KIND = "urn:agent-hosting:problem:"
ORDER = {
    "type": "object",
    "properties": {"order": {"type": "string", "pattern": "^[A-Z]{2}-[0-9]+$"}},
    "required": ["order"],
    "additionalProperties": False,
}
FUNCTIONS = """
from agent_runtime.hosts.tool import ToolFailed

def stock(use):
    if use.arguments["order"] == "XX-0":
        raise ToolFailed("there is no such order")
    return {"order": use.arguments["order"], "tenant": use.tenant}
"""


class Server:
    """A server of tools outside of the cloud, which keeps what reached it."""

    def __init__(self) -> None:
        self.reached: list[tuple[str, dict[str, Any]]] = []

    def __call__(self, environ: dict[str, Any], start_response: Any) -> list[bytes]:
        size = int(environ.get("CONTENT_LENGTH") or 0)
        body = environ["wsgi.input"].read(size) if size else b""
        if environ["PATH_INFO"] != "/health":
            told = {"authorization": environ.get("HTTP_AUTHORIZATION"), "body": json.loads(body)}
            self.reached.append((environ["PATH_INFO"], told))
        start_response("200 OK", [("content-type", "application/json")])
        return [json.dumps({"done": len(self.reached)}).encode()]


class Gateway:
    """The deployed gateway, an agent's run, and tokens of the issuer."""

    def __init__(self, deployment: Deployment, server: Server) -> None:
        self.deployment, self.server = deployment, server
        cloud = deployment.cloud()
        self.http = f"http://127.0.0.1:{cloud['http_port']}"
        (api,) = [
            api
            for api in deployment.client("apigatewayv2").get_apis()["Items"]
            if api["Name"].startswith("tools-door")
        ]
        self.url = f"{self.http}/{api['ApiId']}"
        self.token = self.workload("agent-handbook")
        self.run_id = self.begin_run("acme", 1)

    def workload(self, client: str, audience: str = "tools") -> str:
        pair = base64.b64encode(f"{client}:{CLIENT_SECRET}".encode()).decode()
        form = urllib.parse.urlencode({"grant_type": "client_credentials", "audience": audience})
        headers = {"authorization": f"Basic {pair}", "content-type": "application/x-www-form-urlencoded"}
        url = f"{self.http}/_embedded/issuer/oauth2/token"
        status, document = send(urllib.request.Request(url, form.encode(), headers))
        assert status == 200
        return document["access_token"]

    def signed(self, lifetime_seconds: int, **claims: str) -> str:
        key = self.deployment.root / ".agent-hosting" / "cloud" / "issuer-key.json"
        issuer = Issuer(f"{self.http}/_embedded/issuer", key)
        return issuer.token(
            audience="tools", subject="agent-handbook", claims=claims, lifetime_seconds=lifetime_seconds
        )

    def begin_run(self, tenant: str, number: int) -> str:
        """A run in work, as the agent's worker would have it."""
        agent = self.deployment.status()["agents"]["handbook"]
        blobs = BlobStore(self.deployment.client("s3"), agent["checkpoint_bucket_name"])
        dynamodb = self.deployment.client("dynamodb")
        store = CheckpointStore(dynamodb, agent["checkpoint_table_name"], blobs, agent="handbook")
        run_id = f"{number:032x}"
        store.open_run(run_id=run_id, tenant=tenant, input={}, bundle_id="a" * 12, lease_seconds=3000)
        return run_id

    def call(
        self,
        tool: str,
        arguments: Any = None,
        *,
        token: str | None = None,
        raw: bytes | None = None,
        **fields: Any,
    ) -> tuple[int, dict[str, Any]]:
        body = {"run_id": self.run_id, "tenant": "acme", "arguments": arguments or {}, **fields}
        headers = {"content-type": "application/json", "authorization": f"Bearer {token or self.token}"}
        payload = json.dumps(body).encode() if raw is None else raw
        return send(urllib.request.Request(f"{self.url}/tools/{tool}", payload, headers))

    def logged(self, prefix: str) -> str:
        logs = self.deployment.client("logs")
        text = io.StringIO()
        for group in logs.describe_log_groups(logGroupNamePrefix=prefix)["logGroups"]:
            for event in logs.filter_log_events(logGroupName=group["logGroupName"])["events"]:
                text.write(event["message"] + "\n")
        return text.getvalue()


@pytest.fixture(scope="module")
def gateway(deployment: Deployment) -> Iterator[Gateway]:
    server = Server()
    with serving(make_server("127.0.0.1", 0, server, Threaded, Quiet)) as address:
        _declare(deployment, address)
        deployment.run("up")
        yield Gateway(deployment, server)


def _declare(deployment: Deployment, address: str) -> None:
    folder = deployment.root / "tools"
    folder.mkdir()
    (folder / "orders.py").write_text(FUNCTIONS)
    tool = {"version": "1.0.0", "effect": "read", "url": f"{address}/tool"}
    with deployment.edit() as config:
        agents = config["agent-hosting:agents"]
        del agents["review"]
        config["agent-hosting:tool_gateway"] = {
            "source": "tools",
            "destinations": [address.removeprefix("http://")],
            "secrets": ["crm-key"],
            "callers": {
                "handbook": {"client_id": "agent-handbook", "roles": ["support"]},
                "desk": {"client_id": "desk", "is_agent": False},
            },
            "tools": {
                "lookup": {**tool, "input_schema": ORDER, "authorization_secret": "crm-key"},
                "note": {**tool, "effect": "write"},
                "refund": {**tool, "effect": "destructive", "roles": ["support"]},
                "payroll": {**tool, "roles": ["finance"]},
                "fetch": {**tool, "url_arguments": ["page"]},
                "rare": {**tool, "rate_per_minute": 1},
                "stock": {
                    "version": "1.0.0",
                    "effect": "read",
                    "input_schema": ORDER,
                    "entrypoint": "orders:stock",
                },
            },
        }


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
    lines = [
        json.loads(line) for line in gateway.logged("tools-gateway").splitlines() if line.startswith("{")
    ]
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


def test_nothing_was_refused_by_aws_and_every_right_was_used(gateway: Gateway) -> None:
    refusals = gateway.deployment.root / ".agent-hosting" / "cloud" / "refusals.jsonl"
    assert not refusals.exists() or refusals.read_text() == ""
    deployment = gateway.deployment
    assert_used(deployment, __file__)
