"""What whoever holds a run writes to its head, each in one conditional write.

A write of a worker that holds its run no longer changes nothing and raises `LeaseLost`.
"""

import json
import os
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

from agent_runtime.blobs import BlobStore
from agent_runtime.checkpoint_table import CheckpointTable
from agent_runtime.errors import CheckpointUnavailable, LeaseLost
from agent_runtime.heads import GRACE_SECONDS, QUEUED_SECONDS, Heads, lease_milliseconds, totals
from agent_runtime.records import ENDED, Lease, RunStatus, Usage, Value, head_key
from agent_runtime.spend.pots import Pots, close_shared


class LeasedRuns:
    """The runs of one agent, for those who have a lease of one. `clock` gives seconds since 1970. All calls
    raise `CheckpointUnavailable`."""

    def __init__(
        self,
        table: CheckpointTable,
        blobs: BlobStore,
        heads: Heads,
        pots: Pots | None,
        clock: Callable[[], float],
    ) -> None:
        self.pots: Final = pots
        self._table, self._blobs, self._heads, self._clock = table, blobs, heads, clock
        self._shared: dict[str, str] = {}
        """Pots that runs have shared in this process, by partition."""

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
            due = self._heads.held_back(held, self._milliseconds())
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
        inline, blob = self._blobs.spill(f"{lease.blob_prefix}/output", text, self._heads.inline_bytes)
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
            changes |= self._heads.held_back(held, self._milliseconds())
        self._update_head(lease, {**changes, **totals(steps, usage)})
        if status in ENDED:
            close_shared(self.pots, self._shared.pop(lease.pk, lease.pot))

    def share(self, lease: Lease, reference: str) -> None:
        """Note the pot that the run shares, so that whoever ends the run closes it. Raises `LeaseLost`."""
        self._shared[lease.pk] = reference
        self._update_head(lease, {"pot": reference})

    def extend_lease(self, lease: Lease, seconds: float) -> None:
        """Keep the run for `seconds` from now. Raises `LeaseLost`."""
        ends = self._milliseconds() + lease_milliseconds(seconds)
        due: dict[str, Value] = {"due_at": ends + GRACE_SECONDS * 1000} if lease.is_queued else {}
        self._update_head(lease, {"lease_expires_at": ends, **due})

    def compacted(self, lease: Lease, upto: int) -> None:
        """Note that a segment holds every step up to `upto`. Raises `LeaseLost`."""
        self._update_head(lease, {"compacted_to": upto})

    def left(self, lease: Lease) -> None:
        """Say that the worker that had this lease has let the run go, to whoever stopped it: they wait for
        that. Of a run that nobody stopped nothing is written."""
        self._tell_who_stopped(lease, {"left_epoch": lease.epoch})

    def still_at_work(self, lease: Lease) -> None:
        """Say that the worker that had this lease is still in a step of the run, to whoever stopped it: they
        wait on. Of a run that nobody stopped nothing is written."""
        self._tell_who_stopped(lease, {}, ("busy_words",))

    def _update_head(self, lease: Lease, changes: dict[str, Value]) -> None:
        """One write by whoever holds the run. A run that was given back is no longer held, although its epoch
        is the same; the token tells a second sending of this very write from that."""
        token = os.urandom(12).hex()
        stamped: dict[str, Value] = {**changes, "updated_at": self._milliseconds(), "holder": token}
        is_held = "birth = :birth AND #epoch = :epoch AND #status = :running"
        held: dict[str, Value] = {":birth": lease.birth, ":epoch": lease.epoch}
        running: dict[str, Value] = {":running": RunStatus.RUNNING.value}
        done = self._table.update(head_key(lease.pk), stamped, is_held, held | running)
        if not done.is_written and done.item.get("holder") != token:
            raise LeaseLost(f"the run is no longer held at epoch {lease.epoch}")

    def _tell_who_stopped(
        self, lease: Lease, changes: dict[str, Value], increments: tuple[str, ...] = ()
    ) -> None:
        of_it: dict[str, Value] = {":birth": lease.birth, ":epoch": lease.epoch}
        is_stopped = "birth = :birth AND stopped_epoch = :epoch"
        self._table.update(head_key(lease.pk), changes, is_stopped, of_it, increments=increments)

    def _milliseconds(self) -> int:
        return int(self._clock() * 1000)
