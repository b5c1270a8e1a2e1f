"""Runs in one DynamoDB table: who may write to one, how far it came, and when somebody must look after it.

Wall clocks decide only when somebody may try to take over; who may write is decided by epochs. Everything
that several workers could do at once is one conditional write on the run's head item; `steps` has the rest.
"""

import json
import math
import os
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from agent_runtime.blobs import BlobStore
from agent_runtime.checkpoint_table import CheckpointTable
from agent_runtime.errors import (
    BundleMismatch,
    CheckpointBlobLost,
    CheckpointUnavailable,
    LeaseLost,
    RunHeld,
    RunInProgress,
    RunUnknown,
)
from agent_runtime.heads import (
    GRACE_SECONDS,
    QUEUED_SECONDS,
    Heads,
    check_same_input,
    due_shard,
    held_shard,
    lease_milliseconds,
    taken,
    totals,
)
from agent_runtime.positions import check_contiguous
from agent_runtime.records import (
    ENDED,
    HEAD,
    SHOWN_STEPS,
    Lease,
    OpenedRun,
    RunRecord,
    RunStatus,
    StepState,
    Usage,
    Value,
    head_key,
    record_from,
)
from agent_runtime.spend.pots import PotReference, Pots
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
        self.pots: Final = pots
        self._clock = clock
        self._shared: dict[str, str] = {}
        """Pots that runs have shared in this process, by partition."""

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

    def suspend(
        self,
        lease: Lease,
        status: RunStatus,
        *,
        due_at: float,
        error: str | None = None,
        steps: tuple[str, ...] = (),
        usage: Usage | None = None,
        held: str | None = None,
    ) -> None:
        """Give the run back: nobody holds it, and at `due_at` (seconds since 1970) the reaper sees to it.
        With `held`, what holds it back, only a person lets it go on.

        Raises `LeaseLost`.
        """
        given_back: dict[str, Value] = {"status": status.value, "error": error, "lease_expires_at": 0}
        due: dict[str, Value] = {"due_at": int(due_at * 1000), "resends": 0} if lease.is_queued else {}
        takes: dict[str, Value] = {} if status is RunStatus.QUEUED and error else {"takes": 0}
        if not lease.is_queued:
            takes = {}
        if held is not None:
            due = self.held_back(held)
        self._update_head(lease, {**given_back, **due, **takes, **totals(steps, usage)})

    def give_up(self, lease: Lease) -> None:
        """Give back a queued run with which the table does not let its worker go on, as far as it lets it do
        that. It has cost no worker its life, so it counts as no death."""
        if not lease.is_queued:
            return
        due_at = self._milliseconds() + QUEUED_SECONDS * 1000
        queued: dict[str, Value] = {"status": RunStatus.QUEUED.value, "takes": 0, "resends": 0}
        with suppress(CheckpointUnavailable, LeaseLost):  # else its lease says when it goes on
            self._update_head(lease, {**queued, "lease_expires_at": 0, "due_at": due_at})

    def held_back(self, why: str) -> dict[str, Value]:
        """Changes to the head of a run that waits for a person to resume it."""
        return {"held": why, "due_shard": held_shard(self.heads.agent), "due_at": self._milliseconds()}

    def left(self, lease: Lease) -> None:
        """Say that the worker that had this lease has let the run go, to whoever stopped it: they wait for
        that. Of a run that nobody stopped nothing is written."""
        self._tell_who_stopped(lease, {"left_epoch": lease.epoch})

    def still_at_work(self, lease: Lease) -> None:
        """Say that the worker that had this lease is still in a step of the run, to whoever stopped it: they
        wait on. Of a run that nobody stopped nothing is written."""
        self._tell_who_stopped(lease, {}, ("busy_words",))

    def finish(
        self,
        lease: Lease,
        status: RunStatus,
        *,
        output: Any = None,
        steps: tuple[str, ...] = (),
        usage: Usage | None = None,
        error: str | None = None,
        held: str | None = None,
    ) -> None:
        """Write how the run ended or why it stopped; `held` as above. Raises `LeaseLost`, and then nothing is
        written."""
        text = json.dumps(output, allow_nan=False)
        inline, blob = self.blobs.spill(f"{lease.blob_prefix}/output", text, self.heads.inline_bytes)
        changes: dict[str, Value] = {
            "status": status.value,
            "lease_expires_at": 0,
            "output": inline,
            "output_blob": blob,
            "error": error,
        }
        if status in ENDED:
            changes |= {"due_shard": None, "due_at": None}
        elif held is not None:
            changes |= self.held_back(held)
        self._update_head(lease, {**changes, **totals(steps, usage)})
        if status in ENDED:
            self.close_pot(self._shared.pop(lease.pk, lease.pot))

    def share(self, lease: Lease, reference: str) -> None:
        """Note the pot that the run shares, so that whoever ends the run closes it. Raises `LeaseLost`."""
        self._shared[lease.pk] = reference
        self._update_head(lease, {"pot": reference})

    def close_pot(self, reference: str | None) -> None:
        """Close the pot of a run that has ended, if it shared one; twice is once."""
        found = PotReference.read(reference or "")
        if found is not None and self.pots is not None:
            self.pots.close(found)

    def hold_pot(self, head: Mapping[str, Any]) -> None:
        """Hold the pot of a run that was stopped, if it shared one; `head` is as the stop wrote it."""
        found = PotReference.read(head.get("pot") or "")
        if found is not None and self.pots is not None:
            self.pots.hold(found, head["epoch"])

    def extend_lease(self, lease: Lease, seconds: float) -> None:
        """Keep the run for `seconds` from now. Raises `LeaseLost`."""
        ends = self._milliseconds() + lease_milliseconds(seconds)
        due: dict[str, Value] = {"due_at": ends + GRACE_SECONDS * 1000} if lease.is_queued else {}
        self._update_head(lease, {"lease_expires_at": ends, **due})

    def compacted(self, lease: Lease, upto: int) -> None:
        """Note that a segment holds every step up to `upto`. Raises `LeaseLost`."""
        self._update_head(lease, {"compacted_to": upto})

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
            self.close_pot(found.get("pot"))  # whoever ended it may have died on the way
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
            self.finish(lease, RunStatus.DEAD, error=str(error))  # no worker will ever have its input
            raise
        if lease.epoch == 1:
            return OpenedRun(record, lease, {})
        try:
            recorded = self.steps.read(lease.pk, lease.birth, head.get("compacted_to", 0))
            check_contiguous(recorded, record.run_id)
            return OpenedRun(record, lease, self.steps.fence(lease, recorded))
        except CheckpointUnavailable:
            self.give_up(lease)
            raise

    def _put_head(self, head: dict[str, Value]) -> dict[str, Any] | None:
        """Write a new run's head; the head that is there instead, unless it is this very write."""
        is_new, has_expired = "attribute_not_exists(pk)", "expires_at <= :now"
        values: dict[str, Value] = {":now": self._milliseconds() // 1000}
        found = self.table.put(head, f"{is_new} OR {has_expired}", values)
        return None if found is None or found["holder"] == head["holder"] else found

    def _tell_who_stopped(
        self, lease: Lease, changes: dict[str, Value], increments: tuple[str, ...] = ()
    ) -> None:
        of_it: dict[str, Value] = {":birth": lease.birth, ":epoch": lease.epoch}
        is_stopped = "birth = :birth AND stopped_epoch = :epoch"
        self.table.update(head_key(lease.pk), changes, is_stopped, of_it, increments=increments)

    def _update_head(self, lease: Lease, changes: dict[str, Value]) -> None:
        """One write by whoever holds the run. A run that was given back is no longer held, although its epoch
        is the same; the token tells a second sending of this very write from that."""
        token = os.urandom(12).hex()
        stamped: dict[str, Value] = {**changes, "updated_at": self._milliseconds(), "holder": token}
        is_held = "birth = :birth AND #epoch = :epoch AND #status = :running"
        held: dict[str, Value] = {":birth": lease.birth, ":epoch": lease.epoch}
        running: dict[str, Value] = {":running": RunStatus.RUNNING.value}
        done = self.table.update(head_key(lease.pk), stamped, is_held, held | running)
        if not done.is_written and done.item.get("holder") != token:
            raise LeaseLost(f"the run is no longer held at epoch {lease.epoch}")

    def _milliseconds(self) -> int:
        return int(self._clock() * 1000)
