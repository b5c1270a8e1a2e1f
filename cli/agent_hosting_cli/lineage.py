"""Which release of an agent came from which, and its manifest."""

from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from agent_hosting_cli.deployed import Deployed, told
from agent_hosting_cli.project import UserError
from agent_runtime.bundle import Bundle
from agent_runtime.rollout.manifests import generations, item_name, manifest_from, partition
from agent_runtime.rollout.record import ITEM as TRAFFIC
from agent_runtime.rollout.record import record_from


@dataclass(frozen=True)
class Lineage:
    """The manifests of one deployed agent."""

    found: Deployed

    def releases(self) -> list[dict[str, Any]]:
        """`{bundle_id, parent, at, depth, share}` of each, below its parent. `at` is milliseconds since 1970,
        `share` per cent of new runs."""
        manifests = told(lambda: [manifest_from(item) for item in self._items()])
        shares = told(self._shares)
        return [
            {
                "bundle_id": manifest.bundle_id,
                "parent": manifest.parent or None,
                "at": manifest.at,
                "depth": depth,
                "share": shares.get(manifest.bundle_id, 0.0),
            }
            for depth, manifest in generations(manifests)
        ]

    def bundle(self, bundle_id: str) -> Bundle:
        """What was deployed under an id. Raises `UserError`."""
        agent, table = self.found.agent, self.found.control_table
        key = {"agent": {"S": partition(agent)}, "item": {"S": item_name(bundle_id)}}
        item = told(lambda: self._client().get_item(TableName=table, Key=key)).get("Item")
        if item is None:
            raise UserError(
                f"agent {agent!r} never had a release {bundle_id!r} here; `agent-hosting release lineage "
                f"{agent}` lists those that it had"
            )
        try:
            return Bundle.model_validate_json(told(lambda: manifest_from(item)).document or "")
        except ValidationError:
            raise UserError(
                f"the manifest of {bundle_id} was written by another version; name its zip"
            ) from None

    def _items(self) -> list[dict[str, Any]]:
        pages = (
            self._client()
            .get_paginator("query")
            .paginate(
                TableName=self.found.control_table,
                KeyConditionExpression="#agent = :agent",
                ExpressionAttributeNames={"#agent": "agent"},
                ExpressionAttributeValues={":agent": {"S": partition(self.found.agent)}},
            )
        )
        return [item for page in pages for item in page["Items"]]

    def _shares(self) -> dict[str, float]:
        """Per cent by bundle id: of the traffic record, else what the program gave each release."""
        key = {"agent": {"S": self.found.agent}, "item": {"S": TRAFFIC}}
        item = self._client().get_item(TableName=self.found.control_table, Key=key).get("Item")
        if item is not None:
            return {bundle: points / 100 for bundle, points in record_from(item).shares.items()}
        return {bundle: share * 100 for bundle, share in self.found.outputs["serving"].items()}

    def _client(self) -> Any:
        return self.found.client("dynamodb")
