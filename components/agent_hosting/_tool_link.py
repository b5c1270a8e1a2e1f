"""An agent's connection to a tool gateway: who it is there, and what the gateway may look up of its runs."""

import json
from collections.abc import Sequence
from typing import Any

import pulumi
import pulumi_aws as aws

from agent_hosting import _tool_access
from agent_hosting._tool_lifecycle import missing_tools
from agent_hosting._validation import Inputs
from agent_hosting.agent_platform import PlatformReference
from agent_hosting.checkpoint_table import CheckpointTable
from agent_hosting.statements import policy
from agent_runtime.bundle import Bundle

SECRET = "tool-gateway"  # noqa: S105  a secret's name
"""Name under which the agent's scope holds its client secret; no bundle declares it, so that `run.secret`
refuses it."""
ITEM = "tool-gateway"
"""Item of the control table that tells the gateway where the agent's runs lie."""


def secret_names(declared: Sequence[str], args: Any) -> tuple[str, ...]:
    """The secrets of the manifest, and the client secret where there is a gateway."""
    return (*declared, SECRET) if args.get("tool_gateway") else tuple(declared)


def secret_values(name: str, args: Any) -> dict[str, pulumi.Input[str]]:
    """The values that were given, and that of the client secret."""
    held, gateway = dict(args.get("secrets") or {}), args.get("tool_gateway")
    return {**held, SECRET: gateway["client_secrets"].get(name, "")} if gateway else held


def variables(name: str, args: Any) -> dict[str, pulumi.Input[str]]:
    """What the program that runs the agent is told of the gateway."""
    gateway = args.get("tool_gateway")
    if not gateway:
        return {}
    scope = {"AGENT_TOOL_GATEWAY_SCOPE": gateway["scope"]} if gateway.get("scope") else {}
    return {
        "AGENT_TOOL_GATEWAY": gateway["url"],
        "AGENT_TOOL_GATEWAY_AUDIENCE": gateway["audience"],
        "AGENT_TOOL_GATEWAY_CLIENT": gateway["client_ids"].get(name, ""),
        "AGENT_TOOL_GATEWAY_TOKEN_URL": gateway["token_url"],
        **scope,
    }


def connect(
    name: str,
    args: Any,
    bundle: Bundle,
    platform: PlatformReference,
    checkpoints: CheckpointTable,
    *,
    encrypted: bool,
    parent: pulumi.Resource,
) -> None:
    """Lets the gateway look up this agent's runs and approvals, and nothing of other agents'. Refuses a
    release that calls tools by the gateway which that has not."""
    gateway, inputs = args.get("tool_gateway"), Inputs(type(parent).__name__, name, args)
    offered = gateway["tools"] if gateway else ()
    used = set(args.get("tools") or [tool.name for tool in bundle.tools])
    missing = [tool for tool in missing_tools(bundle.tools, offered) if tool in used]
    if missing:
        way_out = "Declare it in the ToolGateway" if gateway else "Give the outputs of a ToolGateway"
        raise inputs.refuse(
            "tool_gateway", "…", f"the manifest calls {', '.join(missing)} by it", f"{way_out}, or drop it."
        )
    if not gateway:
        return
    if name not in gateway["client_ids"]:
        raise inputs.refuse(
            "tool_gateway", "…", f"{name} is none of its callers", "Give it a client under `callers`."
        )
    child = pulumi.ResourceOptions(parent=parent)
    key = checkpoints.key_arn if encrypted else None
    aws.iam.RolePolicy(
        f"{name}-tool-gateway",
        role=gateway["role_name"],
        policy=policy(_tool_access.read_runs(name, checkpoints.table_arn, key)),
        opts=child,
    )
    document = pulumi.Output.json_dumps({"checkpoint_table": checkpoints.table_name})
    aws.dynamodb.TableItem(
        f"{name}-tool-gateway-place",
        table_name=platform["control_table_name"],
        hash_key="agent",
        range_key="item",
        item=document.apply(
            lambda text: json.dumps(
                {
                    "agent": {"S": name},
                    "item": {"S": ITEM},
                    "schema_version": {"N": "1"},
                    "document": {"S": text},
                }
            )
        ),
        opts=child,
    )
