"""What AWS holds now, for decisions that the program cannot take from its own text."""

import json
from typing import Any

import pulumi

from agent_hosting.hosting import Host

_MISSING = ("ResourceNotFound", "empty result", "couldn't find resource", "no matching ")
"""How the provider says that there is no such thing. No looser: a host or credentials that are not found must
not pass
for a function that was never deployed, since every call would then go to the newest release."""


async def look_up(token: str, given: dict[str, Any], parent: pulumi.Resource) -> dict[str, Any] | None:
    """Result of a provider function, or None where there is no such thing. Other failures are raised."""
    try:
        options = pulumi.InvokeOptions(parent=parent)
        return dict(await pulumi.runtime.invoke_async(token, given, options))
    except Exception as error:
        if any(sign in str(error) for sign in _MISSING):
            return None
        raise


async def main_version(function: str, alias: str, parent: pulumi.Resource) -> str | None:
    """Version that an alias sends most calls to; None before the first deployment."""
    found = await look_up("aws:lambda/getAlias:getAlias", {"functionName": function, "name": alias}, parent)
    return str(found["functionVersion"]) if found else None


async def bundle_of(function: str, version: str, parent: pulumi.Resource) -> str:
    """Bundle id of a published version, from the description that was frozen with it."""
    found = await look_up(
        "aws:lambda/getFunction:getFunction", {"functionName": function, "qualifier": version}, parent
    )
    description = str((found or {}).get("description", ""))
    return description.removeprefix("bundle ") if description.startswith("bundle ") else f"version {version}"


def release_item(bundle_id: str, host: Host) -> str:
    """Key of what is deployed of a release. Each host has its own: while an agent moves, both exist."""
    return f"release#{bundle_id}" + ("" if host is Host.LAMBDA else f"#{host.value}")


async def recorded_release(
    table: str, agent: str, bundle_id: str, host: Host, parent: pulumi.Resource
) -> dict[str, str]:
    """What the control table holds of a release; nothing before its first deployment."""
    found = await control_item(table, agent, release_item(bundle_id, host), parent)
    return {field: str(held["S"]) for field, held in (found or {}).items() if "S" in held}


async def control_item(table: str, agent: str, item: str, parent: pulumi.Resource) -> dict[str, Any] | None:
    """An item of the control table in DynamoDB's own JSON, or None."""
    key = json.dumps({"agent": {"S": agent}, "item": {"S": item}})
    found = await look_up("aws:dynamodb/getTableItem:getTableItem", {"tableName": table, "key": key}, parent)
    return json.loads(found["item"]) if found and found.get("item") else None


async def running_service(cluster: str, service: str, parent: pulumi.Resource) -> tuple[str, list[str]]:
    """(task definition's ARN, what ECS said last, the newest first) of a service."""
    given = {"clusterArn": cluster, "serviceName": service}
    found = await look_up("aws:ecs/getService:getService", given, parent) or {}
    return str(found.get("taskDefinition", "")), [str(e["message"]) for e in found.get("events") or []]
