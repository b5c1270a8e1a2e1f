"""Runs in one DynamoDB table: who may write to one, how far it came, and when somebody must look after it.

Wall clocks decide only when somebody may try to take over; who may write is decided by epochs. Everything
that several workers could do at once is one conditional write on the run's head item; `steps` has the rest.
"""

import math
import os
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from agent_runtime.blobs import BlobStore
from agent_runtime.checkpoint_table import CheckpointTable
from agent_runtime.errors import (
    BundleMismatch,
    CheckpointBlobLost,
    CheckpointUnavailable,
    RunHeld,
    RunInProgress,
    RunUnknown,
)
from agent_runtime.heads import (
    Heads,
    check_same_input,
    due_shard,
    lease_milliseconds,
    taken,
)
from agent_runtime.leased_runs import LeasedRuns
from agent_runtime.positions import check_contiguous
from agent_runtime.records import (
    ENDED,
    HEAD,
    SHOWN_STEPS,
    OpenedRun,
    RunRecord,
    RunStatus,
    StepState,
    Value,
    head_key,
    record_from,
)
from agent_runtime.spend.pots import Pots, close_shared
from agent_runtime.steps import StepStore

if TYPE_CHECKING:
    from types_boto3_dynamodb.client import DynamoDBClient


class Submitted(NamedTuple):
    """A run that was asked for."""

    status: RunStatus
    bundle_id: str
    is_new: bool


class CheckpointStore:
    """The runs of one agent. `clock` gives seconds since 1970. All calls raise `CheckpointUnavailable`."""

    def __init__(
        self,
        client: "DynamoDBClient",
        table: str,
        blobs: BlobStore,
        *,
        agent: str,
        retention_days: int = 30,
        clock: Callable[[], float] = time.time,
        pots: Pots | None = None,
    ) -> None:
        """Without `pots` no run of a tree can share what it may spend."""
        self.table: Final = CheckpointTable(client, table)
        self.blobs: Final = blobs
        self.steps: Final = StepStore(self.table, blobs, clock)
        self.heads: Final = Heads(agent, blobs, retention_days)
        self.leased: Final = LeasedRuns(self.table, blobs, self.heads, pots, clock)
        self._clock = clock

    def submit(
        self,
        *,
        run_id: str,
        tenant: str,
        input: Any,  # noqa: A002  the word of the HTTP contract
        bundle_id: str,
        session: str | None = None,
        parent: str | None = None,
        traceparent: str = "",
    ) -> Submitted:
        """Accept a run for a queue: one write, also for a key that was used before. Raises
        `IdempotencyMismatch`."""
        now = self._milliseconds()
        head = self.heads.new(run_id, tenant, input, bundle_id, session, now, parent)
        head["traceparent"] = traceparent or None
        found = self._put_head(head | self.heads.queued(run_id, now))
        if found is None:
            return Submitted(RunStatus.QUEUED, bundle_id, is_new=True)
        check_same_input(found, head)
        return Submitted(RunStatus(found["status"]), found["bundle_id"], is_new=False)

    def open_run(
        self,
        *,
        run_id: str,
        tenant: str,
        input: Any,  # noqa: A002  the word of the HTTP contract
        bundle_id: str,
        lease_seconds: float,
        session: str | None = None,
        memory_from: str | None = None,
        parent: str | None = None,
        traceparent: str = "",
    ) -> OpenedRun:
        """Begin the run, go on with it, or find it ended (then `lease` is None and nothing may be written).

        `memory_from` names the version of the session's memory that it begins with, if it begins now.

        A run that only waits is gone on with at once, a RUNNING one when its lease is over. Raises
        `RunInProgress`, `IdempotencyMismatch`, `BundleMismatch`, `CheckpointSchemaUnknown` and
        `CheckpointBlobLost`.
        """
        now = self._milliseconds()
        head = self.heads.new(run_id, tenant, input, bundle_id, session, now, parent)
        lease_ends = now + lease_milliseconds(lease_seconds)
        head |= {"lease_expires_at": lease_ends, "memory_from": memory_from}
        # No reaper looks after it; people find it by the index until it has ended.
        head |= {"due_shard": due_shard(self.heads.agent, run_id), "due_at": lease_ends}
        head["traceparent"] = traceparent or None
        found = self._put_head(head)
        if found is None:
            return OpenedRun(record_from(head, self.blobs), self.heads.lease(head), {})
        check_same_input(found, head)
        return self._go_on(found, bundle_id, lease_seconds, memory_from=memory_from)

    def take_run(
        self,
        *,
        run_id: str,
        tenant: str,
        bundle_id: str,
        lease_seconds: float,
        sent_at: int = 0,
        memory_from: str | None = None,
    ) -> OpenedRun:
        """Take a run that was submitted; of one that has ended, `lease` is None. `memory_from` as above.

        `sent_at` is when its message was sent, in milliseconds: one sent after a run's death revives it.
        Raises `RunUnknown` beside the errors of `open_run`.
        """
        key = head_key(self.heads.pk(tenant, run_id))
        token, now = os.urandom(12).hex(), self._milliseconds()
        lease_ends = now + lease_milliseconds(lease_seconds)
        # The usual case without a read: nobody has it, and it is of this bundle.
        done = self.table.update(
            key,
            taken(token, lease_ends, now, is_queued=True),
            "#status = :queued AND bundle_id = :bundle AND expires_at > :now",
            {":queued": RunStatus.QUEUED.value, ":bundle": bundle_id, ":now": now // 1000},
            increments=("epoch", "takes"),
            defaults={"memory_from": memory_from},
            returning=True,
        )
        if done.is_written or done.item.get("holder") == token:
            return self._opened(done.item)
        if not done.item or done.item["expires_at"] <= now // 1000:
            raise RunUnknown(f"no run {run_id} of this tenant: it was never submitted here, or has expired")
        return self._go_on(done.item, bundle_id, lease_seconds, sent_at, memory_from)

    def get_run(self, tenant: str, run_id: str) -> RunRecord | None:
        """The tenant's run as last written, without its input, or None. An expired run is absent even before
        DynamoDB deletes it."""
        head = self.find_head(tenant, run_id)
        return None if head is None else record_from(head, self.blobs, with_input=False)

    def find_head(self, tenant: str, run_id: str) -> dict[str, Any] | None:
        """The head's values, or None."""
        head = self.table.get(head_key(self.heads.pk(tenant, run_id)))
        return None if head is None or head["expires_at"] <= self._milliseconds() // 1000 else head

    def step_names(self, tenant: str, run_id: str) -> tuple[str, ...]:
        """Names of the completed steps of a run that is under way, the first `SHOWN_STEPS` of them."""
        head = self.find_head(tenant, run_id)
        if head is None:
            return ()
        found = self.steps.read(head["pk"], head["birth"])
        done = [step.name for _, step in sorted(found.items()) if step.state is StepState.DONE]
        return tuple(done[:SHOWN_STEPS])

    def now(self) -> float:
        """Seconds since 1970, by the store's clock."""
        return self._clock()

    def _go_on(
        self,
        found: dict[str, Any],
        bundle_id: str,
        lease_seconds: float,
        sent_at: int = 0,
        memory_from: str | None = None,
    ) -> OpenedRun:
        """Raise the epoch, unless the run has ended, is worked on, or is another bundle's."""
        run_id, status, now = found["run_id"], RunStatus(found["status"]), self._milliseconds()
        is_revived = status is RunStatus.DEAD and sent_at > found["updated_at"]
        if status in ENDED and not is_revived:
            close_shared(self.leased.pots, found.get("pot"))  # whoever ended it may have died on the way
            return OpenedRun(record_from(found, self.blobs), None, {})
        if "held" in found and status not in ENDED:
            raise RunHeld(f"run {run_id} waits for a person: {found.get('error') or found['held']}")
        if status is RunStatus.RUNNING and found["lease_expires_at"] > now:
            wait = math.ceil((found["lease_expires_at"] - now) / 1000)
            raise RunInProgress(f"run {run_id} is being worked on", wait)
        if found["bundle_id"] != bundle_id:
            raise BundleMismatch(
                f"run {run_id} was begun by bundle {found['bundle_id']}, this is {bundle_id}"
            )
        token, is_queued = os.urandom(12).hex(), "takes" in found
        changes = taken(token, now + lease_milliseconds(lease_seconds), now, is_queued=is_queued)
        if is_revived:
            changes |= {"takes": 0, "due_shard": due_shard(self.heads.agent, run_id)}
        names = ("birth", "epoch", "status", "lease_expires_at")
        done = self.table.update(
            {"pk": found["pk"], "sk": HEAD},
            changes,
            " AND ".join(f"#{name} = :old_{name}" for name in names if name in found),
            {f":old_{name}": found[name] for name in names if name in found},
            increments=("epoch",) if is_revived or not is_queued else ("epoch", "takes"),
            defaults={"memory_from": memory_from},
            returning=True,
        )
        if not done.is_written and done.item.get("holder") != token:
            raise RunInProgress(f"run {run_id} was taken over by another worker", 1)
        return self._opened(done.item)

    def _opened(self, head: dict[str, Any]) -> OpenedRun:
        """The run whose head was just taken: its steps are read and whoever worked before is fenced."""
        lease = self.heads.lease(head)
        try:
            record = record_from(head, self.blobs)
        except CheckpointBlobLost as error:
            self.leased.finish(lease, RunStatus.DEAD, error=str(error))  # no worker will ever have its input
            raise
        if lease.epoch == 1:
            return OpenedRun(record, lease, {})
        try:
            recorded = self.steps.read(lease.pk, lease.birth, head.get("compacted_to", 0))
            check_contiguous(recorded, record.run_id)
            return OpenedRun(record, lease, self.steps.fence(lease, recorded))
        except CheckpointUnavailable:
            self.leased.give_up(lease)
            raise

    def _put_head(self, head: dict[str, Value]) -> dict[str, Any] | None:
        """Write a new run's head; the head that is there instead, unless it is this very write."""
        is_new, has_expired = "attribute_not_exists(pk)", "expires_at <= :now"
        values: dict[str, Value] = {":now": self._milliseconds() // 1000}
        found = self.table.put(head, f"{is_new} OR {has_expired}", values)
        return None if found is None or found["holder"] == head["holder"] else found

    def _milliseconds(self) -> int:
        return int(self._clock() * 1000)
