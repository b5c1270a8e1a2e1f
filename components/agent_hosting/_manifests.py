"""The manifests of deployed releases: written once under their bundle id, and kept for the history."""

import json
from time import time
from typing import Any, Final

import pulumi
import pulumi_aws as aws
from pydantic import ValidationError

from agent_hosting._lookups import control_item, recorded_release
from agent_hosting.agent_platform import PlatformReference
from agent_hosting.hosting import Host
from agent_runtime.bundle import Bundle
from agent_runtime.rollout.manifests import item_name, partition

MOST_BYTES: Final = 350_000
"""An item of DynamoDB takes 400 KB. What is longer, with thousands of files, lies in the release's zip alone:
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html"""
DECLARED, KEPT = "declared", "kept"
"""Where the manifest of a release comes from: a resource of this listing, or an earlier one that left it."""


async def stored(table: str, agent: str, bundle_id: str, parent: pulumi.Resource) -> Bundle | None:
    """What the control table holds under a bundle id; None too where this version cannot read it."""
    found = await control_item(table, partition(agent), item_name(bundle_id), parent)
    try:
        return Bundle.model_validate_json(found["document"]["S"]) if found else None
    except (KeyError, ValidationError):
        return None


def manifest_item(agent: str, bundle: Bundle, parent: str, now: float) -> dict[str, Any]:
    """In DynamoDB's own JSON. `parent` is the release before it, or empty; `now` is seconds since 1970."""
    document = bundle.canonical_json()
    return {
        "agent": {"S": partition(agent)},
        "item": {"S": item_name(bundle.bundle_id)},
        "schema_version": {"N": "1"},
        "parent": {"S": parent},
        "at": {"N": str(int(now * 1000))},
        **({"document": {"S": document}} if len(document.encode()) <= MOST_BYTES else {}),
    }


def keep(
    name: str, args: Any, bundle: Bundle, host: Host, platform: PlatformReference, parent: pulumi.Resource
) -> pulumi.Output[str]:
    """Writes the newest release's manifest, if there is none yet. Gives `DECLARED` or `KEPT`, which
    the release's own item has to say.

    A release that was taken off the list leaves its manifest behind. Listed again, it must not be created
    anew, which the provider refuses; and one that this listing made must stay declared. The release's own
    item, which goes and comes with the listing, tells the two apart.
    """
    older = [release["bundle_id"] for release in list(args["releases"])[:-1]]

    async def maker(table: str) -> str:
        if await control_item(table, partition(name), item_name(bundle.bundle_id), parent) is None:
            return DECLARED
        release = await recorded_release(table, name, bundle.bundle_id, host, parent)
        return release.get("manifest", KEPT)

    def make(made: list[str]) -> None:
        if made[1] != DECLARED:
            return
        aws.dynamodb.TableItem(
            f"{name}-manifest-{bundle.bundle_id}",
            table_name=made[0],
            hash_key="agent",
            range_key="item",
            item=json.dumps(manifest_item(name, bundle, older[-1] if older else "", time())),
            opts=pulumi.ResourceOptions(parent=parent, ignore_changes=["item"], retain_on_delete=True),
        )

    table = pulumi.Output.from_input(platform["control_table_name"])
    found = table.apply(maker)
    pulumi.Output.all(table, found).apply(make)
    return found
