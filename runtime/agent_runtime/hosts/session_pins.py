"""A run that reached another release than the one its session is pinned to: where the two go on."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from agent_runtime.checkpoints import CheckpointStore
from agent_runtime.errors import SessionElsewhere, SessionStranded, TrafficUnknown
from agent_runtime.hosts.pinned import RELEASE
from agent_runtime.moving import adopt
from agent_runtime.outside import IS_AS_READ, end_from_outside
from agent_runtime.records import ENDED, RunStatus
from agent_runtime.sessions import Sessions
from agent_runtime.traffic import ITEM, Traffic, read_traffic

_HOSTS: Final = ("#ecs", "#eks")
"""Ends of the names of releases that have a queue each."""


@dataclass(frozen=True)
class SessionPins:
    """Says where a session goes on. `client` is boto3's DynamoDB client, `table` the control table."""

    sessions: Sessions
    client: Any
    table: str
    has_queues: bool
    """Whether every release that is deployed can be reached. An alias reaches the two that it divides calls
    between."""

    def settle(self, tenant: str, session: str, found: SessionElsewhere) -> str:
        """The release that the session goes on with: its own as long as that can be reached, else the stable
        one, where both declare the same `checkpoint_version`. If that is this release, the session is now
        pinned to it.

        Raises `SessionStranded` where no release can go on with it, and `TrafficUnknown`.
        """
        traffic = self._traffic()
        if self._can_be_reached(found.bundle_id, traffic):
            return found.bundle_id
        if traffic.stable != self.sessions.bundle_id:
            return traffic.stable
        if not found.checkpoint_version or found.checkpoint_version != self.sessions.checkpoint_version:
            raise SessionStranded(
                f"the release {found.bundle_id} of session {session} takes no runs any more, and it declares "
                f"not the same checkpoint_version as {traffic.stable}; begin another session"
            )
        if not self.sessions.repin(tenant, session, found.bundle_id, traffic.stable):
            raise found  # somebody works on it, or has moved it: what is true then, the next try finds
        return traffic.stable

    def _can_be_reached(self, bundle_id: str, traffic: Traffic) -> bool:
        if bundle_id in traffic.rejected:
            return False
        if bundle_id == traffic.stable:
            return True
        if self.has_queues:
            return any(self._get(f"{RELEASE}{bundle_id}{host}") is not None for host in _HOSTS)
        return bundle_id == traffic.candidate and traffic.candidate_basis_points > 0

    def _traffic(self) -> Traffic:
        return read_traffic(self._get(ITEM))

    def _get(self, name: str) -> Mapping[str, Any] | None:
        key = {"agent": {"S": self.sessions.agent}, "item": {"S": name}}
        try:
            return self.client.get_item(TableName=self.table, Key=key, ConsistentRead=True).get("Item")
        except (ClientError, BotoCoreError) as error:
            raise TrafficUnknown(f"the control table cannot be read ({type(error).__name__})") from error


def send_run_to(store: CheckpointStore, tenant: str, run_id: str, bundle_id: str) -> bool:
    """Let another release have the run: the reaper sends it there in its next round. False where somebody has
    it at the moment."""
    head = store.find_head(tenant, run_id)
    if head is None or RunStatus(head["status"]) in ENDED or head["bundle_id"] == bundle_id:
        return True
    return adopt(store, head, bundle_id, due_at=int(store.now() * 1000))


def end_stranded(store: CheckpointStore, tenant: str, run_id: str, reason: str) -> bool:
    """End a run whose session no release can go on with; whether it has ended."""
    head = store.find_head(tenant, run_id)
    if head is None or RunStatus(head["status"]) in ENDED:
        return True
    return end_from_outside(store, head, RunStatus.DEAD, reason, while_same=IS_AS_READ)
