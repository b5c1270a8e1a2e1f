"""A deployed tool gateway with an agent behind it, as callers, agents and servers of tools see it."""

import base64
import io
import json
import urllib.parse
import urllib.request
from functools import cached_property
from typing import Any

from agent_runtime.blobs import BlobStore
from agent_runtime.checkpoints import CheckpointStore
from embedded_aws.http_apis.issuer import CLIENT_SECRET, Issuer
from tests.end_to_end.asks import ask, send
from tests.end_to_end.deployments import Deployment

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
AGENT = """
from agent_runtime import Run
from agent_runtime.errors import ToolRefused

def answer(run: Run) -> dict:
    answers = []
    for call in run.input.get("calls", []):
        try:
            answers.append({"said": run.tool(call["tool"], **call["arguments"])})
        except ToolRefused as refusal:
            answers.append({"refused": str(refusal)})
    return {"answers": answers}
"""
MANIFEST = """
entrypoint: agent:answer
model:
  provider: openai
  name: embedded-v1
  input_usd_per_million_tokens: 0.15
  output_usd_per_million_tokens: 0.60
  max_output_tokens: 100
  api_key_secret: model-api-key
prompts: ["*.md"]
secrets: [model-api-key]
tools:
  - {name: lookup, effect: read, destination: gateway}
  - {name: stock, effect: read, destination: gateway}
  - {name: payroll, effect: read, destination: gateway}
  - {name: note, effect: write, destination: gateway}
  - {name: refund, effect: destructive, destination: gateway}
  - {name: mine, effect: read, destination: gateway, user_delegated: true}
"""


class Server:
    """A server of tools outside of the cloud, which keeps what reached it."""

    def __init__(self) -> None:
        self.reached: list[tuple[str, dict[str, Any]]] = []
        self.is_well = True

    def __call__(self, environ: dict[str, Any], start_response: Any) -> list[bytes]:
        size = int(environ.get("CONTENT_LENGTH") or 0)
        body = environ["wsgi.input"].read(size) if size else b""
        if environ["PATH_INFO"] != "/health":
            told = {"authorization": environ.get("HTTP_AUTHORIZATION"), "body": json.loads(body)}
            self.reached.append((environ["PATH_INFO"], told))
        status = "200 OK" if self.is_well else "503 Service Unavailable"
        start_response(status, [("content-type", "application/json")])
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

    @cached_property
    def agent(self) -> dict[str, Any]:
        """Outputs of the agent."""
        return self.deployment.status()["agents"]["handbook"]

    @cached_property
    def callers_token(self) -> str:
        """Of somebody of the tenant acme, for the agent."""
        return self.deployment.run("token", "--tenant", "acme").strip()

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
        agent = self.agent
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

    def run(
        self, *calls: tuple[str, dict[str, Any]], key: str | None = None, user_token: str = ""
    ) -> tuple[int, dict[str, Any]]:
        """A run of the agent, which makes these calls one after another."""
        asked = [{"tool": tool, "arguments": arguments} for tool, arguments in calls]
        more = {"agent-user-token": user_token} if user_token else {}
        return ask(self.agent["local_url"], self.callers_token, {"input": {"calls": asked}}, key, **more)

    def fire(self, rule: str) -> None:
        """Has what a schedule calls be called now."""
        (found,) = self.deployment.client("events").list_rules(NamePrefix=f"{rule}-")["Rules"]
        door = f"http://127.0.0.1:{self.deployment.cloud()['gateway_port']}/_embedded/schedules/run"
        url = f"{door}?rule={found['Name']}"
        with urllib.request.urlopen(urllib.request.Request(url, method="POST"), timeout=60) as answer:
            assert json.loads(answer.read()) == {"called": 1}

    def told(self) -> list[dict[str, Any]]:
        """The gateway's own lines: one of its log and one of metrics for each call."""
        lines = self.logged("tools-gateway").splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]

    def logged(self, prefix: str) -> str:
        logs = self.deployment.client("logs")
        text = io.StringIO()
        for group in logs.describe_log_groups(logGroupNamePrefix=prefix)["logGroups"]:
            for event in logs.filter_log_events(logGroupName=group["logGroupName"])["events"]:
                text.write(event["message"] + "\n")
        return text.getvalue()


def declare(deployment: Deployment, address: str) -> None:
    """A gateway in the stack, and behind it the agent `handbook`; servers of tools are at `address`."""
    agent = deployment.root / "agents" / "desk"
    agent.mkdir(parents=True)
    for name, text in (("agent.py", AGENT), ("agent.yaml", MANIFEST), ("system.md", "Call tools.")):
        (agent / name).write_text(text)
    folder = deployment.root / "tools"
    folder.mkdir()
    (folder / "orders.py").write_text(FUNCTIONS)
    tool = {"version": "1.0.0", "effect": "read", "url": f"{address}/tool"}
    with deployment.edit() as config:
        agents = config["agent-hosting:agents"]
        del agents["review"]
        agents["handbook"]["source"] = "agents/desk"
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
                "mine": {**tool, "user_delegated": True},
                "rare": {**tool, "rate_per_minute": 1},
                "stock": {
                    "version": "1.0.0",
                    "effect": "read",
                    "input_schema": ORDER,
                    "entrypoint": "orders:stock",
                },
            },
        }
