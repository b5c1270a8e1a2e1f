"""What people do to a run from outside: cancel it, and answer its questions. Workers learn of it by being
fenced or woken, never by being asked."""

from typing import Any

from agent_runtime.approvals import ANSWERS, SETTLING, Approvals, Decision, entry_of
from agent_runtime.audit.trail import NOT_KEPT, Trail, told
from agent_runtime.checkpoints import CheckpointStore
from agent_runtime.errors import ApprovalRefused, CheckpointUnavailable, RunUnknown
from agent_runtime.guards.questions import guard_at
from agent_runtime.heads import QUEUED_SECONDS, due_shard
from agent_runtime.outside import IS_AS_READ, end_from_outside
from agent_runtime.records import ENDED, Path, RunStatus, Value, head_key

_TRIES = 5
"""Against a worker that writes the head at the same moment."""


def cancel(
    store: CheckpointStore, tenant: str, run_id: str, *, audit: Trail = NOT_KEPT, who: str = ""
) -> RunStatus:
    """Cancel the tenant's run, and give its status: one that has ended before stays as it is.

    It is taken over as if by a worker: whoever works on it fails at its next write of a step. Raises
    `RunUnknown` and `CheckpointUnavailable`, and once it is done `AuditUnavailable`.
    """
    head = store.find_head(tenant, run_id)
    if head is None or RunStatus(head["status"]) in ENDED:
        return _cancel(store, tenant, run_id)
    with told(audit, "run-stopped", run_id=run_id, tenant=tenant, who=who, how="cancelled"):
        return _cancel(store, tenant, run_id)


def _cancel(store: CheckpointStore, tenant: str, run_id: str) -> RunStatus:
    for _ in range(_TRIES):
        head = store.find_head(tenant, run_id)
        if head is None:
            raise RunUnknown("no run of this tenant has this id")
        if (status := RunStatus(head["status"])) in ENDED:
            return status
        if end_from_outside(store, head, RunStatus.CANCELLED, "cancelled", while_same=IS_AS_READ):
            return RunStatus.CANCELLED
    raise CheckpointUnavailable("the run changes too fast to be cancelled: try again")


def decide(
    store: CheckpointStore,
    tenant: str,
    run_id: str,
    path: Path,
    decision: Decision,
    *,
    audit: Trail = NOT_KEPT,
) -> str | None:
    """Answer a run's question; the bundle whose queue is to be told, if the run waits for it.

    The trail has each answer that was given, and says of those that do not count why. Raises
    `ApprovalRefused`, `RunUnknown` and `CheckpointUnavailable`, and `AuditUnavailable` with nothing decided.
    """
    head = store.find_head(tenant, run_id)
    if head is None:
        raise RunUnknown("no run of this tenant has this id")
    _refuse_what_cannot_count(store, head, path, decision)
    entry = {**entry_of(head["pk"], run_id, path), "who": decision.decided_by}
    audit.record("approval-decided", **entry, verdict=decision.verdict)
    try:
        Approvals(store.table, store.now).decide(head["pk"], path, decision)
    except ApprovalRefused as error:
        audit.record("approval-decided", **entry, verdict="refused", reason=str(error))
        raise
    return head["bundle_id"] if _wake(store, tenant, run_id, path) and "takes" in head else None


def _refuse_what_cannot_count(
    store: CheckpointStore, head: dict[str, Any], path: Path, decision: Decision
) -> None:
    """Raises `ApprovalRefused` for an answer to a run that has ended, and for one to another question."""
    asked = Approvals(store.table, store.now).find(head["pk"], path)
    if RunStatus(head["status"]) in ENDED:
        said = f"the run is {head['status']}"
        if asked is not None and asked["decision"] != "PENDING":
            said += f", and {asked['decided_by']} has decided before: {asked['decision']}"
        raise ApprovalRefused(said)
    if asked is None or asked["decision"] != "PENDING":
        return  # the write tells
    allowed = SETTLING if asked.get("is_doubt") else ANSWERS
    if decision.verdict not in allowed:
        raise ApprovalRefused(
            f"{decision.verdict!r} does not answer it: it takes {', '.join(sorted(allowed))}"
        )


def wake_if_decided(store: CheckpointStore, tenant: str, run_id: str, path: Path) -> bool:
    """Wake a run whose question was answered before it was given back; whether it was."""
    found = Approvals(store.table, store.now).find(store.heads.pk(tenant, run_id), path)
    is_decided = found is not None and found["decision"] != "PENDING"
    return is_decided and _wake(store, tenant, run_id, path)


def _wake(store: CheckpointStore, tenant: str, run_id: str, path: Path) -> bool:
    """Only one of those who learn of a decision wakes the run, and it alone sends the message. A run that a
    guard asks about is held back by it; what a person stopped in the meantime stays so."""
    now = int(store.now() * 1000)
    changes: dict[str, Value] = {"status": RunStatus.QUEUED.value, "error": None, "updated_at": now}
    changes |= {"due_at": now + QUEUED_SECONDS * 1000}
    condition, waits = "#status = :waiting", dict[str, Value]({":waiting": RunStatus.WAITING_APPROVAL.value})
    if (guard := guard_at(path)) is not None:
        condition, waits = "#status = :waiting AND held = :guard", {":waiting": RunStatus.PARKED.value}
        waits |= {":guard": guard}
        changes |= {"held": None, "due_shard": due_shard(store.heads.agent, run_id), "takes": 0, "resends": 0}
    key = head_key(store.heads.pk(tenant, run_id))
    return store.table.update(key, changes, condition, waits).is_written
