"""At which prices a deployed agent counts: those that are frozen into its bundle, or the stack's."""

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


def prices_of(manifest: dict[str, Any], here: dict[str, Any]) -> list[dict[str, Any]]:
    """Name and prices of each model in a bundle's manifest, first of the one that is called by default; those
    of `here` by the model's name count in their place."""
    tiers = manifest.get("models") or {}
    models = [manifest["model"], *(tiers.values() if isinstance(tiers, dict) else ())]
    seen: dict[str, dict[str, Any]] = {}
    for model in models:
        said, by = (here[model["name"]], "stack") if model["name"] in here else (model, "bundle")
        seen.setdefault(
            model["name"], {"model": model["name"], **{name: said[name] for name in _FIELDS}, "by": by}
        )
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
    here = found.outputs.get("model_prices") or {}
    source, prices = f"{SOURCE} {version(SOURCE)}", prices_of(json.loads(item["document"]["S"]), here)
    if as_json:
        told = {"bundle_id": bundle_id, "frozen_at": frozen_at, "looked_up_in": source, "prices": prices}
        console.print_json(data=told)
        return
    table = Table("model", "USD per million in", "USD per million out", "said by", box=None)
    for price in prices:
        table.add_row(price["model"], *(f"{price[name]:g}" for name in _FIELDS), price["by"])
    console.print(table)
    console.print(
        f"the bundle's are frozen into {bundle_id} on {frozen_at}; what neither the stack nor the manifest "
        f"gives is looked up in {source} when a bundle is made",
        markup=False,
    )
