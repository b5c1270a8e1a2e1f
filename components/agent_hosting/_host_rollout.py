"""The rollout controller of an agent, made from the inputs that every host takes."""

from collections.abc import Mapping, Sequence
from typing import Any

import pulumi

from agent_hosting._audit_trail import AuditTrail
from agent_hosting._host_parts import HostParts
from agent_hosting._packaging import Architecture
from agent_hosting._rollout_controller import RolloutController
from agent_hosting._tools import unfit
from agent_hosting.agent_platform import PlatformReference
from agent_hosting.checkpoint_table import CheckpointTable
from agent_hosting.hosting import Host
from agent_hosting.statements import Statement
from agent_runtime.bundle import Bundle


def control_traffic(
    parts: HostParts,
    host: Host,
    platform: PlatformReference,
    checkpoints: CheckpointTable,
    bundle: Bundle,
    rights: Any,
    topic_arn: pulumi.Input[str],
    log_days: int,
    retention_days: int,
    function_name: pulumi.Input[str] = "",
    version: pulumi.Input[str] = "",
    shadow_rights: Sequence[Statement] = (),
    http_route: Mapping[str, Any] | None = None,
    argo_rollout: Mapping[str, Any] | None = None,
    network: Mapping[str, Any] | None = None,
    trail: AuditTrail | None = None,
) -> RolloutController | None:
    """The controller, unless the program itself says who gets which share. `http_route` is what divides
    calls beside the record, `argo_rollout` what moves them in its place, and `network` from where their
    cluster is reached."""
    if parts.args.get("shares"):
        if parts.args.get("rollout"):
            raise parts.inputs().refuse(
                "rollout", "…", "`shares` fixes the traffic", "Leave out one of the two."
            )
        return None
    older = [release["bundle_id"] for release in list(parts.args["releases"])[:-1]]
    given = parts.args.get("rollout")
    return RolloutController(
        f"{parts.name}-rollout",
        {
            "agent_name": parts.name,
            "host": host,
            "platform": platform,
            "releases": [*older, bundle.bundle_id],
            "unfit": unfit(parts.name, parts.args, bundle, platform, parts.parent),  # type: ignore[typeddict-item]
            "variables": {
                **parts.variables(platform, checkpoints, retention_days),
                **(trail.variables if trail else {}),
            },
            "statements": [*rights, *(trail.rights if trail else [])],
            "shadow_statements": shadow_rights,
            **({"http_route": http_route} if http_route else {}),  # type: ignore[typeddict-item]
            **({"argo_rollout": argo_rollout} if argo_rollout else {}),  # type: ignore[typeddict-item]
            **({"network": network} if network else {}),  # type: ignore[typeddict-item]
            **_version_dimensions(host, function_name, version),  # type: ignore[typeddict-item]
            "topic_arn": topic_arn,
            "function_name": function_name,
            "architecture": parts.args.get("architecture") or Architecture.ARM64,
            "log_retention_days": log_days,
            "tags": parts.tags,
            **({"rollout": given} if given else {}),  # type: ignore[typeddict-item]
        },
        opts=pulumi.ResourceOptions(parent=parts.parent),
    )


def _version_dimensions(
    host: Host, function_name: pulumi.Input[str], version: pulumi.Input[str]
) -> dict[str, Any]:
    """https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-view.html"""
    if host is not Host.LAMBDA:
        return {}
    called = {"FunctionName": function_name, "Resource": pulumi.Output.concat(function_name, ":live")}
    return {"version_dimensions": {**called, "ExecutedVersion": version}}
