"""Writes to a run by those who do not work on it: who holds it learns of them by being fenced."""

import os
from collections.abc import Mapping
from typing import Any, Final

from agent_runtime.checkpoints import CheckpointStore
from agent_runtime.records import RunStatus, Value
from agent_runtime.spend.pots import close_shared

IS_AS_READ: Final = ("birth", "epoch", "status")
"""Nobody has taken the run, given it back or ended it since; its holder may have extended the lease."""
NOT_EXTENDED: Final = (*IS_AS_READ, "due_at")


def end_from_outside(
    store: CheckpointStore,
    head: Mapping[str, Any],
    status: RunStatus,
    reason: str,
    *,
    while_same: tuple[str, ...],
) -> bool:
    """End the run of `head` unless one of `while_same` has changed; whether it was ended.

    It is taken over as if by a worker: whoever works on it fails at its next write of a step.
    """
    ended: dict[str, Value] = {"status": status.value, "lease_expires_at": 0, "error": reason}
    changes: dict[str, Value] = {**ended, "due_shard": None, "due_at": None}
    found = update_from_outside(store, head, changes, ("epoch",), while_same=while_same)
    if found is None:
        return False
    lease = store.heads.lease(found)
    store.steps.fence(lease, store.steps.read(lease.pk, lease.birth, found.get("compacted_to", 0)))
    close_shared(store.leased.pots, found.get("pot"))
    return True


def update_from_outside(
    store: CheckpointStore,
    head: Mapping[str, Any],
    changes: Mapping[str, Value],
    increments: tuple[str, ...],
    *,
    while_same: tuple[str, ...],
) -> dict[str, Any] | None:
    """Change the head unless one of `while_same` has changed; the head after it, or None."""
    token = os.urandom(12).hex()
    stamped: dict[str, Value] = {**changes, "holder": token, "updated_at": int(store.now() * 1000)}
    done = store.table.update(
        {"pk": head["pk"], "sk": head["sk"]},
        stamped,
        " AND ".join(f"#{name} = :{name}" for name in while_same),
        {f":{name}": head[name] for name in while_same},
        increments=increments,
        returning=True,
    )
    return done.item if done.is_written or done.item.get("holder") == token else None


def submit_copy(store: CheckpointStore, head: Mapping[str, Any], run_id: str, bundle_id: str) -> None:
    """A queued run with the input of the run of `head`, once: what lies in the bucket is pointed to.

    It has no session, or it would write into what the agent keeps of callers; it expires with its original.
    """
    now = int(store.now() * 1000)
    fresh = store.heads.new(run_id, head["tenant"], None, bundle_id, None, now)
    given = {name: head.get(name) for name in ("input_hash", "input", "input_blob", "expires_at")}
    store.table.put({**fresh, **given, **store.heads.queued(run_id, now)}, "attribute_not_exists(pk)")
