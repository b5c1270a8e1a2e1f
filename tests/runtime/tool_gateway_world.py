"""A tool gateway with its tables, an agent's run, and a server of tools that writes down what reached it."""

import io
import json
from collections.abc import Callable
from typing import Any

from agent_runtime.approvals import Approval, Approvals, Decision
from agent_runtime.audit.trail import NOT_KEPT, Trail
from agent_runtime.checkpoint_table import CheckpointTable
from agent_runtime.gateway.answers import Answers
from agent_runtime.gateway.declared import GatewayRules
from agent_runtime.gateway.gateway import ToolGateway
from agent_runtime.gateway.rates import Rates
from agent_runtime.gateway.reaching import Reaching
from agent_runtime.gateway.runs import Runs
from agent_runtime.gateway.telling import Telling
from agent_runtime.hosts.tools import ToolsHost
from agent_runtime.records import Lease
from agent_runtime.secrets import SecretReader
from agent_runtime.tools.arguments import approval_name
from tests.runtime.doors import Context
from tests.runtime.pretended import CONTROL, TABLE, Aws

AGENT, CLIENT, GUEST, USER_TOKEN = "answers", "client-answers", "client-guest", "user-token-9c1e"
ORDER = {
    "type": "object",
    "properties": {"order": {"type": "string", "pattern": "^[A-Z]{2}-[0-9]+$"}},
    "required": ["order"],
    "additionalProperties": False,
}
Reply = tuple[int, dict[str, Any]]


class Tools:
    """A server of tools: what it was asked, and what it answers."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, str], Any]] = []
        self.answer: Callable[[str], tuple[str, bytes]] = lambda _: ("200 OK", b'{"found": true}')
        self.headers: list[tuple[str, str]] = []

    def __call__(self, environ: dict[str, Any], start_response: Any) -> list[bytes]:
        path = environ["PATH_INFO"].removeprefix("/v1")
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        if path != "/health":
            headers = {
                k[5:].lower().replace("_", "-"): v for k, v in environ.items() if k.startswith("HTTP_")
            }
            self.asked.append((path, headers, json.loads(body) if body else None))
        status, answered = self.answer(path)
        start_response(status, [("content-type", "application/json"), *self.headers])
        return [answered]


class Functions:
    """Lambda, as a tool's own function answers there."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.reply: Any = {"result": {"done": True}}
        self.failed = False

    def invoke(self, FunctionName: str, Payload: bytes) -> dict[str, Any]:  # noqa: N803
        event = json.loads(Payload)
        if event.get("health"):
            return {"Payload": io.BytesIO(b'{"result": "ok"}')}
        self.events.append(event)
        payload = io.BytesIO(json.dumps(self.reply).encode())
        return {"Payload": payload, **({"FunctionError": "Unhandled"} if self.failed else {})}


class GatewayWorld:
    def __init__(self, aws: Aws, serve: Callable[[Any], str], http_event: Callable[..., Any]) -> None:
        self.aws, self._event = aws, http_event
        aws._make_table("gateway", "pk", "sk")
        self.tools, self.functions = Tools(), Functions()
        self.url = serve(self.tools)
        self.lines: list[dict[str, Any]] = []
        self.table = CheckpointTable(aws.dynamodb, "gateway")
        self.store = aws.store()
        self.connect(AGENT)
        self.run_id, self.lease = self.begin_run()
        self.trail: Trail = NOT_KEPT
        self.host = self.made(rules(self.url))

    def made(self, given: GatewayRules) -> ToolsHost:
        clock, arn = self.aws.clock, self.aws.secret_arn
        secrets = SecretReader(self.aws.secretsmanager, {"keyed": arn, "keyed-act": arn}, audit=self.trail)
        return ToolsHost(
            ToolGateway(
                given,
                runs=Runs(
                    self.aws.dynamodb,
                    CONTROL,
                    self.table,
                    30,
                    open_table=lambda name: CheckpointTable(self.aws.dynamodb, name),
                    clock=clock,
                ),
                rates=Rates(self.table, clock),
                answers=Answers(self.table, 30, clock),
                reaching=Reaching(lambda _: self.functions, secrets),
                telling=Telling("tools", lambda line: self.lines.append(json.loads(line)), clock),
                audit=self.trail,
            )
        )

    def connect(self, agent: str) -> None:
        item = {"agent": {"S": agent}, "item": {"S": "tool-gateway"}}
        document = {"S": json.dumps({"checkpoint_table": TABLE})}
        self.aws.dynamodb.put_item(TableName=CONTROL, Item={**item, "document": document})

    def begin_run(self, tenant: str = "acme", number: int = 1) -> tuple[str, Lease]:
        run_id = f"{number:032x}"
        opened = self.store.open_run(
            run_id=run_id, tenant=tenant, input={}, bundle_id="aaaaaaaaaaaa", lease_seconds=600
        )
        assert opened.lease is not None
        return run_id, opened.lease

    def approve(self, tool: str, arguments: Any, verdict: str = "approve", path: int = 3) -> str:
        """The path of a question that a person has decided."""
        approvals = Approvals(self.store.table, self.aws.clock)
        name = approval_name(tool, arguments)
        approvals.ask(self.lease, Approval(self.run_id, (path,), name, "?", self.aws.clock.now + 600))
        approvals.decide(self.lease.pk, (path,), Decision(verdict, "ann"))
        return f"{path:06d}"

    def post(
        self,
        tool: str,
        arguments: Any = None,
        *,
        client: str = CLIENT,
        claims: dict[str, str] | None = None,
        headers: dict[str, str] | None = None,
        raw: str | None = None,
        **fields: Any,
    ) -> Reply:
        body = {"run_id": self.run_id, "tenant": "acme", "arguments": arguments or {}, **fields}
        given = raw if raw is not None else {name: v for name, v in body.items() if v is not None}
        event = self._event(
            "POST", f"/tools/{tool}", given, claims={"client_id": client, **(claims or {})}, headers=headers
        )
        return self._reply(event)

    def get(self, path: str, client: str = CLIENT) -> Reply:
        return self._reply(self._event("GET", path, claims={"client_id": client}))

    def _reply(self, event: Any) -> Reply:
        response = self.host.handle(event, Context())
        return response["statusCode"], json.loads(response["body"])

    @property
    def reached(self) -> int:
        return len(self.tools.asked) + len(self.functions.events)


def rules(url: str, **changes: Any) -> GatewayRules:
    place = url.removeprefix("http://").removesuffix("/v1")
    tool: dict[str, Any] = {"version": "1.0.0", "effect": "read", "url": f"{url}/tool"}
    return GatewayRules.model_validate(
        {
            "gateway": "tools",
            "destinations": [place, "docs.example.com"],
            "tools": {
                "lookup": {**tool, "input_schema": ORDER},
                "note": {**tool, "effect": "write"},
                "sure": {**tool, "effect": "write", "idempotent": True},
                "refund": {**tool, "effect": "destructive", "roles": ["finance"], "input_schema": ORDER},
                "fetch": {**tool, "url_arguments": ["page"]},
                "mine": {**tool, "user_delegated": True},
                "keyed": {**tool, "secret_arn": "arn"},
                "keyed-act": {**tool, "effect": "write", "secret_arn": "arn"},
                "rare": {**tool, "rate_per_minute": 2},
                "private": {**tool, "roles": ["staff"]},
                "ours": {**tool, "tenants": ["acme"]},
                "own": {
                    "version": "1.0.0",
                    "effect": "write",
                    "function_arn": "arn:own",
                    "user_delegated": True,
                },
            },
            "callers": {
                CLIENT: {"name": AGENT, "roles": ["finance"]},
                GUEST: {"name": "guest", "is_agent": False},
                "client-limited": {"name": AGENT, "tenants": ["acme"]},
                "client-unconnected": {"name": "unconnected"},
            },
            **changes,
        }
    )
