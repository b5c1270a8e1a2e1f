"""At which prices a deployed agent counts: those that are frozen into its bundle."""

import json
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

from rich.table import Table

from agent_hosting_cli.deployed import Deployed
from agent_hosting_cli.progress import console
from agent_hosting_cli.project import UserError
from agent_runtime.rollout.manifests import item_name, partition

SOURCE = "genai-prices"
_FIELDS = ("input_usd_per_million_tokens", "output_usd_per_million_tokens")


def prices_of(manifest: dict[str, Any]) -> list[dict[str, Any]]:
    """Name and prices of each model in a bundle's manifest, first of the one that is called by default."""
    tiers = manifest.get("models") or {}
    models = [manifest["model"], *(tiers.values() if isinstance(tiers, dict) else ())]
    seen: dict[str, dict[str, Any]] = {}
    for model in models:
        seen.setdefault(model["name"], {"model": model["name"], **{name: model[name] for name in _FIELDS}})
    return list(seen.values())


def show_prices(found: Deployed, *, as_json: bool) -> None:
    """Raises `UserError` where the release keeps no manifest."""
    bundle_id = str(found.outputs["bundle_id"])
    key = {"agent": {"S": partition(found.agent)}, "item": {"S": item_name(bundle_id)}}
    item = found.client("dynamodb").get_item(TableName=found.control_table, Key=key).get("Item", {})
    if "document" not in item:
        raise UserError(f"the manifest of bundle {bundle_id} is not kept: it has too many files")
    at = int(item["at"]["N"]) / 1000
    frozen_at = datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d")
    source, prices = f"{SOURCE} {version(SOURCE)}", prices_of(json.loads(item["document"]["S"]))
    if as_json:
        told = {"bundle_id": bundle_id, "frozen_at": frozen_at, "looked_up_in": source, "prices": prices}
        console.print_json(data=told)
        return
    table = Table("model", "USD per million in", "USD per million out", box=None)
    for price in prices:
        table.add_row(price["model"], *(f"{price[name]:g}" for name in _FIELDS))
    console.print(table)
    console.print(
        f"frozen into bundle {bundle_id} on {frozen_at}; what neither the stack nor the manifest gives is "
        f"looked up in {source} when a bundle is made",
        markup=False,
    )
