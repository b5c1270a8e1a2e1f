"""What AWS holds now, for decisions that the program cannot take from its own text."""

import json
from typing import Any

import pulumi

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


async def recorded_version(table: str, agent: str, bundle_id: str, parent: pulumi.Resource) -> str | None:
    """Version under which the release table has a bundle."""
    key = json.dumps({"agent": {"S": agent}, "item": {"S": f"release#{bundle_id}"}})
    found = await look_up("aws:dynamodb/getTableItem:getTableItem", {"tableName": table, "key": key}, parent)
    if not found or not found.get("item"):
        return None
    return str(json.loads(found["item"])["version"]["S"])
