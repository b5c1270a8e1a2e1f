"""A turn that reached another release than the one that began its run: the alias divides calls at random."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from agent_runtime.checkpoints import CheckpointStore
from agent_runtime.errors import BundleMismatch, TrafficUnknown
from agent_runtime.moving import adopt, end_with_its_release, is_in_hand, same_checkpoints
from agent_runtime.records import ENDED, RunRequest, RunStatus
from agent_runtime.traffic import ITEM, Traffic, read_traffic

RELEASE: Final = "release#"


@dataclass(frozen=True)
class Pins:
    """Keeps runs on the release that they began on, as long as calls reach that. `client` is boto3's DynamoDB
    client."""

    store: CheckpointStore
    client: Any
    table: str
    bundle_id: str

    def settle(self, request: RunRequest) -> None:
        """After this the run is this release's, or has ended. Raises `BundleMismatch` where it waits for its
        own release, and `TrafficUnknown`."""
        head = self.store.find_head(request.tenant, request.run_id)
        if head is None or RunStatus(head["status"]) in ENDED or head["bundle_id"] == self.bundle_id:
            return
        traffic, began = self._traffic(), head["bundle_id"]
        candidate = traffic.candidate if traffic.candidate_basis_points else None
        waits = traffic.stable != self.bundle_id or began == candidate or is_in_hand(self.store, head)
        if waits:
            raise BundleMismatch(
                f"run {request.run_id} was begun by bundle {began}, and this call reached {self.bundle_id}; "
                f"ask again, until a call reaches {began}"
            )
        if same_checkpoints(self._item(RELEASE + began), self._item(RELEASE + self.bundle_id)):
            adopt(self.store, head, self.bundle_id)
        else:
            end_with_its_release(self.store, head)

    def _traffic(self) -> Traffic:
        item = self._get(ITEM)
        if item is None:
            raise BundleMismatch("the run was begun by another release, and the program divides the calls")
        return read_traffic(item)

    def _item(self, name: str) -> dict[str, str]:
        """The texts of an item; of none, nothing is declared."""
        return {key: value["S"] for key, value in (self._get(name) or {}).items() if "S" in value}

    def _get(self, name: str) -> Mapping[str, Any] | None:
        key = {"agent": {"S": self.store.heads.agent}, "item": {"S": name}}
        try:
            return self.client.get_item(TableName=self.table, Key=key, ConsistentRead=True).get("Item")
        except (ClientError, BotoCoreError) as error:
            raise TrafficUnknown(f"the control table cannot be read ({type(error).__name__})") from error
