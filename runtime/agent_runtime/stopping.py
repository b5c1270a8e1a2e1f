"""Stops runs from outside for as long as people want, proves that they stopped, and lets them go on.

A run is stopped by one write of its head that raises the epoch, as if another worker had taken it, and by a
claim wherever the old worker could write next: no later step of it counts. That its process has let it go is
another matter, which is waited for: the worker says so, or is silent for the time in which it had to ask for
its lease again. One that lives is refused then, and says that it is still in a step.
"""

import contextlib
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from agent_runtime.approvals import Decision
from agent_runtime.audit.trail import NOT_KEPT, Trail
from agent_runtime.checkpoints import CheckpointStore
from agent_runtime.errors import ApprovalRefused, CheckpointUnavailable, ResumeRefused, RunUnknown
from agent_runtime.guards.questions import lift
from agent_runtime.heads import QUEUED_SECONDS, due_shard
from agent_runtime.outside import IS_AS_READ, update_from_outside
from agent_runtime.records import ENDED, SKEW_SECONDS, Lease, RunStatus, Value
from agent_runtime.spend.pots import hold_shared

_log = logging.getLogger("agent_runtime.stopping")
STOPPED: Final = "stop"
"""What holds back a run that a person stopped."""
_TRIES: Final = 8
"""Against a worker that writes the head at the same moment."""


class Proof(StrEnum):
    """How it is known that nothing works on a run any more."""

    ENDED = "it had ended"
    NOT_HELD = "nobody worked on it"
    LET_GO = "its worker has let it go"
    LEASE_OVER = "its lease is over, and its worker silent"


@dataclass(frozen=True)
class Stop:
    """A run that was told to stop."""

    run_id: str
    tenant: str
    bundle_id: str
    was: RunStatus
    epoch: int
    """Of the stop: above that of whoever worked on the run."""
    old_epoch: int
    lease_seconds: float
    """How long its worker may not yet have noticed; 0 where nobody worked on it."""


def stop(store: CheckpointStore, tenant: str, run_id: str, *, by: str, why: str) -> Stop:
    """Stop the tenant's run: it keeps its steps, and goes on when it is resumed. One that was stopped before
    stays so, one that has ended stays as it is.

    Raises `RunUnknown` and `CheckpointUnavailable`.
    """
    for _ in range(_TRIES):
        head = store.find_head(tenant, run_id)
        if head is None:
            raise RunUnknown("no run of this tenant has this id")
        status = RunStatus(head["status"])
        if status in ENDED:
            return _stop_of(head, status, head["epoch"], 0.0)
        if head.get("held") == STOPPED:
            _fence(store, head)  # whoever stopped it may have died before
            hold_shared(store.leased.pots, head)
            return _stop_of(head, status, head["stopped_epoch"], head["unnoticed_ms"] / 1000)
        changes: dict[str, Value] = {
            "status": RunStatus.PARKED.value,
            "error": f"stopped by {by}: {why}"[:1000],
            "lease_expires_at": 0,
            "stopped_epoch": head["epoch"],
            "unnoticed_ms": int(_unnoticed(store, head) * 1000),
            "left_epoch": None,
            "busy_words": None,
            **store.heads.held_back(STOPPED, int(store.now() * 1000)),
        }
        done = update_from_outside(store, head, changes, ("epoch",), while_same=IS_AS_READ)
        if done is None:
            continue
        _fence(store, done)
        hold_shared(store.leased.pots, done)
        return _stop_of(done, status, head["epoch"], done["unnoticed_ms"] / 1000)
    raise CheckpointUnavailable("the run changes too fast to be stopped: try again")


@dataclass
class Watch:
    """Of one stop, until there is a proof. Times are in seconds, of whoever watches."""

    stopped: Stop
    heard_at: float
    """When the run was stopped, or its worker was last heard to be still in a step of it."""
    words: int = 0
    """How often that was heard."""

    def proof(self, store: CheckpointStore, now: float) -> Proof | None:
        """How it is known that the run has stopped; None while it is not.

        The head is read as last written. Raises `RunUnknown` where the run is gone or goes on again.
        """
        stopped, head = self.stopped, store.find_head(self.stopped.tenant, self.stopped.run_id)
        if head is None:
            raise RunUnknown("the run has expired")
        if RunStatus(head["status"]) in ENDED:
            return Proof.ENDED
        if head["epoch"] != stopped.epoch or head.get("held") != STOPPED:
            raise RunUnknown("somebody has let the run go on again")
        if stopped.lease_seconds == 0:
            return Proof.NOT_HELD
        if head.get("left_epoch") == stopped.old_epoch:
            return Proof.LET_GO
        if (words := head.get("busy_words", 0)) != self.words:
            self.words, self.heard_at = words, now
        return Proof.LEASE_OVER if now - self.heard_at >= stopped.lease_seconds else None


def resume(
    store: CheckpointStore,
    tenant: str,
    run_id: str,
    *,
    by: str,
    why: str,
    bundles: frozenset[str] | None = None,
    audit: Trail = NOT_KEPT,
) -> str | None:
    """Let a run go on that is PARKED: held back by a stop or a guard, or waiting for what passes by itself,
    which is then tried at once. Gives the bundle whose queue is to be told; None for an agent without queues,
    whose caller goes on with the same key.

    `bundles` are those that are deployed. Raises `ResumeRefused`, `RunUnknown`, `CheckpointUnavailable`, and
    `AuditUnavailable` with nothing done.
    """
    for _ in range(_TRIES):
        head = store.find_head(tenant, run_id)
        if head is None:
            raise RunUnknown("no run of this tenant has this id")
        if (status := RunStatus(head["status"])) is not RunStatus.PARKED:
            raise ResumeRefused(f"the run is {status.value}, and only one that is PARKED can be resumed")
        bundle_id, is_queued = head["bundle_id"], "takes" in head
        if is_queued and bundles is not None and bundle_id not in bundles:
            raise ResumeRefused(f"its release {bundle_id} is no longer deployed: nothing can go on with it")
        with contextlib.suppress(ApprovalRefused):  # somebody answers the guard at this very moment
            lift(store, tenant, run_id, Decision("approve", by))
        now = int(store.now() * 1000)
        free: dict[str, Value] = {
            "held": None,
            "due_shard": due_shard(store.heads.agent, run_id),
            "due_at": now + QUEUED_SECONDS * 1000,
        }
        again: dict[str, Value] = {"status": RunStatus.QUEUED.value, "error": None, "takes": 0, "resends": 0}
        audit.record("run-resumed", run_id=run_id, tenant=tenant, who=by, why=why[:500])
        changes = free | (again if is_queued else {"error": f"resumed by {by}: ask again with the same key"})
        if update_from_outside(store, head, changes, ("resumes",), while_same=IS_AS_READ) is not None:
            return bundle_id if is_queued else None
    raise CheckpointUnavailable("the run changes too fast to be resumed: try again")


def let_go(store: CheckpointStore, lease: Lease) -> None:
    """A worker's last word on a run that it lost, to whoever stopped it."""
    with contextlib.suppress(CheckpointUnavailable):  # then the end of its lease tells
        store.leased.left(lease)


def still_at_work(store: CheckpointStore, lease: Lease) -> None:
    """A worker's word, at each heartbeat, on a run that it lost and is still in a step of."""
    with contextlib.suppress(CheckpointUnavailable):  # the next heartbeat says it again
        store.leased.still_at_work(lease)


def _fence(store: CheckpointStore, head: dict[str, Any]) -> None:
    lease = store.heads.lease(head)
    store.steps.fence(lease, store.steps.read(lease.pk, lease.birth, head.get("compacted_to", 0)))


def _stop_of(head: Mapping[str, Any], was: RunStatus, old_epoch: int, lease_seconds: float) -> Stop:
    named = (head["run_id"], head["tenant"], head["bundle_id"])
    return Stop(*named, was, head["epoch"], old_epoch, lease_seconds)


def _unnoticed(store: CheckpointStore, head: Mapping[str, Any]) -> float:
    """Both times are of the worker's own clock, so that clocks which are apart do not matter: it asks for its
    lease again before so many seconds are over, or does not live."""
    if head["status"] != RunStatus.RUNNING:
        return 0.0
    if head["lease_expires_at"] < (store.now() - SKEW_SECONDS) * 1000:
        return 0.0
    return max(1.0, (head["lease_expires_at"] - head["updated_at"]) / 1000)
