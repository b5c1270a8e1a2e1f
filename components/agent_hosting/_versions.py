"""Under which versions the releases of a Lambda agent were published."""

from collections.abc import Sequence
from typing import Any

import pulumi
import pulumi_aws as aws

from agent_hosting._lookups import main_version, recorded_release
from agent_hosting._releases import Newest, record
from agent_hosting._traffic import Traffic
from agent_hosting._weights import STABLE
from agent_hosting.agent_platform import PlatformReference
from agent_hosting.hosting import Host


def versions(
    name: str,
    args: Any,
    release: Newest,
    function: aws.lambda_.Function,
    manifest: pulumi.Input[str],
    platform: PlatformReference,
    parent: pulumi.Resource,
) -> tuple[dict[str, pulumi.Input[str]], list[pulumi.Resource]]:
    """Published version by bundle id, oldest first, and their items in the control table. `manifest` is
    what `_manifests.keep` gave for the newest."""
    found: dict[str, pulumi.Input[str]] = {}
    declared: dict[str, pulumi.Input[str]] = {}
    table = pulumi.Output.from_input(platform["control_table_name"])
    shares = args.get("shares") or {}
    if STABLE in shares:
        # An update of the function ends before this look-up, and the alias changes only after it.
        found[STABLE] = pulumi.Output.all(function.name, function.version).apply(lambda f: _stable(f, parent))
    for older in list(args["releases"])[:-1]:
        bundle_id = older["bundle_id"]
        known = table.apply(lambda t, b=bundle_id: _published(t, name, b, parent))
        found[bundle_id] = known.apply(lambda held: held["version"])
        declared[bundle_id] = known.apply(lambda held: held.get("checkpoint_version", ""))
    found[release.bundle.bundle_id] = function.version
    declared[release.bundle.bundle_id] = str(release.bundle.checkpoint_version or "")
    recorded: list[pulumi.Resource] = []
    for bundle_id, version in found.items():
        if bundle_id != STABLE:
            fields = {"version": version, "checkpoint_version": declared[bundle_id]}
            if bundle_id == release.bundle.bundle_id:
                fields["manifest"] = manifest
            is_guarded = not shares  # else nothing but the program moves traffic
            made = record(name, bundle_id, Host.LAMBDA, fields, platform, parent, is_guarded=is_guarded)
            recorded.append(made)
    return found, recorded


def record_traffic(
    name: str,
    serving: pulumi.Output[dict[str, float]],
    recorded: Sequence[pulumi.Resource],
    platform: PlatformReference,
    parent: pulumi.Resource,
) -> None:
    """The traffic record as it begins: with what the alias serves. After that the controller moves both.

    It names releases, and so goes before their items `recorded` when all of the agent goes.
    """
    item = serving.apply(
        lambda shares: Traffic(max(shares, key=shares.__getitem__, default="")).as_item(name)
    )
    aws.dynamodb.TableItem(
        f"{name}-traffic-record",
        table_name=platform["control_table_name"],
        hash_key="agent",
        range_key="item",
        item=item,
        opts=pulumi.ResourceOptions(parent=parent, ignore_changes=["item"], depends_on=recorded),
    )


async def _stable(function: list[str], parent: pulumi.Resource) -> str:
    return await main_version(function[0], "live", parent) or function[1]


async def _published(table: str, name: str, bundle_id: str, parent: pulumi.Resource) -> dict[str, str]:
    release = await recorded_release(table, name, bundle_id, Host.LAMBDA, parent)
    if "version" not in release:
        raise pulumi.RunError(
            f"LambdaAgent {name!r}: releases lists {bundle_id}, which was never published here, so "
            f"that there is no "
            f"version to send calls to. Deploy it as the newest release first, or take it off the list."
        )
    return release
