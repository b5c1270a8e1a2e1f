"""The door between agents and the tools that they share."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pulumi
import pulumi_aws as aws

from agent_hosting import _tool_access, _tool_trail
from agent_hosting._audit_trail import check_audit
from agent_hosting._packaging import Target, gateway_archive, tools_archive
from agent_hosting._tool_declarations import (
    GatewayToolArgs,
    agents_of,
    check_tools,
    rules_of,
)
from agent_hosting._tool_functions import ToolFunctions
from agent_hosting._tool_gateway_args import ToolGatewayArgs, ToolGatewayReference, token_url_of
from agent_hosting._tool_health import watch_tools
from agent_hosting._tool_lifecycle import check_drained
from agent_hosting._validation import Inputs
from agent_hosting.agent_identity import AgentIdentity
from agent_hosting.front_door import FrontDoor, check_jwt
from agent_hosting.statements import policy
from agent_runtime.gateway.declared import DEFAULT_TOOL_SECONDS

_SECONDS = 29
"""An HTTP API gives up after 30."""
_LONGEST_NAME = _LONGEST_LABEL = 24
ALIAS = "live"
_ROUTES = ("POST /tools/{name}", "ANY /mcp", "GET /health")
"""The first tells of tools that there are not: a wrong name is refused, logged and counted like the rest."""


class ToolGateway(pulumi.ComponentResource):
    """An HTTP API whose every tool has a route, a role and rules of its own, and an MCP endpoint that holds
    to the same."""

    url: pulumi.Output[str]
    """Base address: `POST {url}/tools/{name}`, `{url}/mcp` and `GET {url}/health`."""
    role_name: pulumi.Output[str]
    """Role of the gateway."""
    role_names: pulumi.Output[dict[str, str]]
    """Role by tool, of those that have a function."""
    function_name: pulumi.Output[str]
    """The gateway's function."""
    log_group_name: pulumi.Output[str]
    """Where it logs each call."""
    table_name: pulumi.Output[str]
    """Table of answers, used approvals and counts."""
    control_table_name: pulumi.Output[str]
    """Table with the heads of the audit trail."""
    audit_log_group_name: pulumi.Output[str]
    """Log group of the audit trail."""
    audit_retention_days: pulumi.Output[int]
    """Days that its entries are kept."""
    audit_bucket_name: pulumi.Output[str]
    """Bucket of its locked copies."""
    audit_reviewer_policy_arn: pulumi.Output[str]
    """Managed policy for those who review the trail."""
    alarm_topic_arn: pulumi.Output[str]
    """Topic that its alarms tell."""

    def __init__(self, name: str, args: ToolGatewayArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("agent-hosting:index:ToolGateway", name, {}, opts)
        inputs = Inputs("ToolGateway", name, args)
        inputs.known(ToolGatewayArgs.__annotations__)
        inputs.agent_name(name)
        check_tools(name, args, inputs)
        check_jwt(inputs.required("jwt", "Give issuer and audiences."), inputs)
        if len(name) > _LONGEST_NAME:
            raise inputs.refuse(
                "name",
                name,
                f"a gateway's name has {_LONGEST_NAME} characters at most",
                "Functions bear it, too.",
            )
        if not token_url_of(args).startswith(("https://", "http://127.0.0.1:")):
            raise inputs.refuse(
                "token_url", token_url_of(args), "an https URL is needed", "Client secrets are sent there."
            )
        days = check_audit(args, inputs)
        _tool_trail.check_alarms(name, args, inputs)
        at_once = int(inputs.number("concurrency", 20, least=1, most=1000, way_out="Omit it for 20."))
        child = pulumi.ResourceOptions(parent=self)
        platform: Any = args["platform"]
        tools: Any = args["tools"]
        tags = args.get("tags")
        target = Target.of(args.get("architecture"))
        made = ToolFunctions(
            name, args, target, args["platform"], inputs.log_days("log_retention_days", 90), self
        )

        table, trail = _table(name, args, self), _tool_trail.trail_of(name, args, days, self)
        limit = aws.iam.Policy(
            f"{name}-boundary",
            description=f"The most that the tool gateway {name} may do",
            policy=policy(_tool_access.boundary()),
            tags=tags,
            opts=child,
        )
        functions = {
            tool: _function(name, tool, declared, made, args)
            for tool, declared in tools.items()
            if declared.get("entrypoint")
        }
        arns = {tool: function.arn for tool, (function, _) in functions.items()}
        agents = agents_of(args["callers"])
        wanted = {
            tool: str(declared["authorization_secret"])
            for tool, declared in tools.items()
            if declared.get("authorization_secret")
        }

        async def packed(known: list[Any]) -> tuple[Path, str]:
            """Only once nothing that takes runs would miss a tool."""
            await check_drained(known[0], agents, tools, self)
            secret_arns = {tool: known[2][secret] for tool, secret in wanted.items()}
            rules = rules_of(name, args, known[1], secret_arns)
            return gateway_archive(json.dumps(rules, sort_keys=True), target)

        function, identity = made.make(
            f"{name}-gateway",
            description=f"tool gateway {name}",
            module="hosts.tools",
            boundary_arn=limit.arn,
            secrets=list(wanted.values()),
            granted=lambda log, scope: [
                *_tool_access.gateway(
                    log, table.arn, platform["control_table_arn"], agents, list(arns.values()), scope
                ),
                *trail.rights,
            ],
            archive=lambda scope: pulumi.Output.all(
                platform["control_table_name"], arns, scope.secret_arns if scope else {}
            ).apply(packed),
            variables=lambda _: {
                "AGENT_CONTROL_TABLE": platform["control_table_name"],
                "TOOL_GATEWAY_TABLE": table.name,
                **trail.variables,
            },
            seconds=_SECONDS,
            memory_mb=512,
            at_once=at_once,
            publish=True,
        )
        alias = aws.lambda_.Alias(
            f"{name}-live",
            name=ALIAS,
            function_name=function.name,
            function_version=function.version,
            opts=child,
        )
        behind: Any = {
            "functions": [
                {
                    "label": "tools",
                    "routes": [*(f"POST /tools/{tool}" for tool in tools), *_ROUTES],
                    "function_name": function.name,
                    "alias_name": alias.name,
                    "alias_invoke_arn": alias.invoke_arn,
                }
            ],
            "jwt": args["jwt"],
            "requests_per_second": args.get("requests_per_second") or 50,
            "log_retention_days": made.log_days,
            **({"log_key_arn": platform["key_arn"]} if platform.get("key_arn") is not None else {}),
            "tags": tags,
        }
        door = FrontDoor(f"{name}-door", behind, opts=child)

        topic_arn = _tool_trail.alarm_topic(name, args, self)
        watch_tools(name, function, args, target, made.log_days, topic_arn, self)
        locked = _tool_trail.lock_trail(trail, args, target, made.log_days, topic_arn, self)

        self.audit_log_group_name = pulumi.Output.from_input(trail.log_group_name)
        self.audit_retention_days = pulumi.Output.from_input(trail.days)
        self.audit_bucket_name, self.audit_reviewer_policy_arn = (
            locked.bucket_name,
            locked.reviewer_policy_arn,
        )
        self.control_table_name = pulumi.Output.from_input(platform["control_table_name"])
        self.alarm_topic_arn = pulumi.Output.from_input(topic_arn)
        self.url, self.role_name, self.table_name = door.url, identity.role_name, table.name
        self.function_name, self.log_group_name = function.name, function.logging_config.log_group
        self.role_names = pulumi.Output.all(**{tool: one[1].role_name for tool, one in functions.items()})
        self.register_outputs({output: getattr(self, output) for output in ToolGateway.__annotations__})


def reference_to_tools(gateway: ToolGateway, args: ToolGatewayArgs) -> ToolGatewayReference:
    """What an agent behind `gateway`, which was made of `args`, has to be given."""
    reference: ToolGatewayReference = {
        "url": gateway.url,
        "role_name": gateway.role_name,
        "token_url": token_url_of(args),
        "audience": args["jwt"]["audiences"][0],
        "tools": sorted(args["tools"]),
        "client_ids": {caller: declared["client_id"] for caller, declared in args["callers"].items()},
        "client_secrets": {c: declared.get("client_secret", "") for c, declared in args["callers"].items()},
    }
    if args.get("token_scope"):
        reference["scope"] = str(args.get("token_scope"))
    return reference


def _label(tool: str) -> str:
    """The tool in names of resources: a function's has 64 characters, and Pulumi adds eight."""
    plain = tool.lower().replace("_", "-")
    if len(plain) <= _LONGEST_LABEL:
        return plain
    return f"{plain[: _LONGEST_LABEL - 7]}-{hashlib.sha256(tool.encode()).hexdigest()[:6]}"


def _table(name: str, args: ToolGatewayArgs, parent: pulumi.Resource) -> aws.dynamodb.Table:
    """Of answers, used approvals and counts. The platform's key encrypts it, as it does the control table."""
    retain, key = args.get("retain_data", True), args["platform"].get("key_arn")
    return aws.dynamodb.Table(
        name,
        billing_mode="PAY_PER_REQUEST",
        hash_key="pk",
        range_key="sk",
        attributes=[{"name": "pk", "type": "S"}, {"name": "sk", "type": "S"}],
        ttl={"enabled": True, "attribute_name": "expires_at"},
        point_in_time_recovery={"enabled": True},
        server_side_encryption={"enabled": True, "kms_key_arn": key} if key is not None else None,
        deletion_protection_enabled=retain,
        tags=args.get("tags"),
        opts=pulumi.ResourceOptions(parent=parent, retain_on_delete=retain),
    )


def _function(
    gateway: str, tool: str, declared: GatewayToolArgs, made: ToolFunctions, args: ToolGatewayArgs
) -> tuple[aws.lambda_.Function, AgentIdentity]:
    """The function of one tool, with a role that does what the tool declares and nothing else."""
    archive = tools_archive(Path(args["source"]), made.target)  # type: ignore[typeddict-item]
    return made.make(
        f"{gateway}-tool-{_label(tool)}",
        description=f"tool {tool} {declared['version']} of {gateway}",
        module="hosts.tool",
        boundary_arn=args["platform"]["boundary_arn"],
        secrets=list(declared.get("secrets") or []),
        granted=lambda log, scope: _tool_access.tool(log, declared.get("statements"), scope),
        archive=lambda _: archive,
        variables=lambda scope: {
            "TOOL_NAME": tool,
            "TOOL_ENTRYPOINT": str(declared.get("entrypoint")),
            "TOOL_SECRETS": pulumi.Output.json_dumps(scope.secret_arns if scope else {}),
        },
        seconds=int(declared.get("timeout_seconds") or DEFAULT_TOOL_SECONDS),
        memory_mb=int(declared.get("memory_mb") or 256),
        at_once=int(declared.get("concurrency") or 5),
    )
