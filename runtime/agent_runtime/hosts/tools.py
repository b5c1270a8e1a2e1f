"""The function of a tool gateway: each tool by plain HTTP, all of them by MCP, and their health."""

import json
import logging
import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from agent_runtime.errors import SettingsError
from agent_runtime.gateway.calls import USER_TOKEN, Identity, call_from, identity_of
from agent_runtime.gateway.declared import FILE, GatewayRules
from agent_runtime.gateway.gateway import ToolGateway
from agent_runtime.hosts.http import LambdaContext, Reply, problem_reply
from agent_runtime.hosts.problems import Problem
from agent_runtime.hosts.requests import body_of, claims_of

_log = logging.getLogger("agent_runtime.hosts.tools")
_TOOL: Final = re.compile(r"/tools/([^/]+)")
_JSON: Final = {"content-type": "application/json"}


class ToolsHost:
    """Answers `POST /tools/{name}`, `/mcp` and `GET /health`, and looks at the tools by schedule."""

    def __init__(self, gateway: ToolGateway) -> None:
        self._gateway = gateway

    def handle(self, event: Mapping[str, Any], _context: LambdaContext) -> dict[str, Any]:
        """An HTTP response for an API Gateway event; the tools' health for a schedule's, which none of the
        API's callers can send."""
        if "requestContext" not in event:
            return {"tools": self._gateway.watch()}
        reply = self._replied(event)
        return {
            "statusCode": reply.status,
            "headers": reply.headers,
            "body": reply.body,
            "isBase64Encoded": False,
        }

    def _replied(self, event: Mapping[str, Any]) -> Reply:
        path = str(event.get("rawPath", "/"))
        found = _TOOL.fullmatch(path)
        asked = found[1] if found else ""
        who: Identity | None = None
        try:
            who = identity_of(claims_of(event))
            headers = {name.lower(): value for name, value in event.get("headers", {}).items()}
            body, method = body_of(event), str(event["requestContext"]["http"]["method"]).upper()
            if (method, path) == ("GET", "/health"):
                return self._health(who)
            if path == "/mcp":
                from agent_runtime.gateway.mcp_endpoint import answer  # a second's import, for MCP alone

                return answer(self._gateway, who, method, headers, body)
            if method != "POST" or found is None:
                raise Problem(
                    404, "not-found", "There is no such resource", f"{method} {path[:200]} is not served"
                )
            call = call_from(asked, body, headers.get(USER_TOKEN))
        except Problem as problem:
            self._gateway.refuse(who, problem, asked)
            return problem_reply(problem, path)
        try:
            return Reply(200, dict(_JSON), json.dumps({"result": self._gateway.call(who, call)}))
        except Problem as problem:
            return problem_reply(problem, path)

    def _health(self, who: Identity) -> Reply:
        tools = self._gateway.health(who)
        is_well = all(tool["health"] == "ok" for tool in tools.values())
        return Reply(200 if is_well else 503, dict(_JSON), json.dumps({"tools": tools}))


def _start(environ: Mapping[str, str]) -> ToolsHost:
    import boto3
    from botocore.config import Config

    from agent_runtime.audit.trail import NOT_KEPT
    from agent_runtime.checkpoint_table import CheckpointTable
    from agent_runtime.gateway.answers import Answers
    from agent_runtime.gateway.rates import Rates
    from agent_runtime.gateway.reaching import Reaching
    from agent_runtime.gateway.runs import Runs
    from agent_runtime.gateway.telling import Telling
    from agent_runtime.hosts.clients import client_of, lazily, trail_in
    from agent_runtime.logs import log_to
    from agent_runtime.secrets import SecretReader

    rules = read_rules(Path(environ.get("LAMBDA_TASK_ROOT", ".")) / FILE)
    try:
        own_table, control_table = environ["TOOL_GATEWAY_TABLE"], environ["AGENT_CONTROL_TABLE"]
    except KeyError as error:
        raise SettingsError(f"{error.args[0]}: it is needed") from None
    log_to(sys.stdout, gateway=rules.gateway)
    dynamodb = client_of("dynamodb")
    table = CheckpointTable(dynamodb, own_table)
    made: dict[float, Any] = {}

    def functions(read_seconds: float) -> Any:
        if read_seconds not in made:
            # No second try: what is sent twice acts twice.
            config = Config(connect_timeout=2, read_timeout=read_seconds, retries={"total_max_attempts": 1})
            session: Any = boto3.session.Session()
            made[read_seconds] = session.client("lambda", config=config)
        return made[read_seconds]

    def write(line: str) -> None:
        sys.stdout.write(line + "\n")
        sys.stdout.flush()

    log_group, days = (
        environ.get("AGENT_AUDIT_LOG_GROUP", ""),
        environ.get("AGENT_AUDIT_RETENTION_DAYS", "365"),
    )
    audit = NOT_KEPT
    if log_group:
        audit = trail_in(log_group, int(days), dynamodb, control_table, rules.gateway, "gateway")
    secrets = {name: tool.secret_arn for name, tool in rules.tools.items() if tool.secret_arn}
    return ToolsHost(
        ToolGateway(
            rules,
            runs=Runs(
                dynamodb,
                control_table,
                table,
                rules.answer_days,
                open_table=lambda name: CheckpointTable(dynamodb, name),
            ),
            rates=Rates(table),
            answers=Answers(table, rules.answer_days),
            reaching=Reaching(functions, SecretReader(lazily("secretsmanager"), secrets, audit=audit)),
            telling=Telling(rules.gateway, write),
            audit=audit,
        )
    )


def read_rules(path: Path) -> GatewayRules:
    """The packed document. Raises `SettingsError`."""
    try:
        return GatewayRules.model_validate_json(path.read_bytes())
    except (OSError, ValueError) as error:
        raise SettingsError(f"{path} holds no rules of a tool gateway: {error}") from error


_host: ToolsHost | None = _start(os.environ) if "AWS_LAMBDA_FUNCTION_NAME" in os.environ else None


def handler(event: Mapping[str, Any], context: LambdaContext) -> dict[str, Any]:
    """The function's handler: `agent_runtime.hosts.tools.handler`."""
    global _host
    if _host is None:
        _host = _start(os.environ)
    return _host.handle(event, context)
