"""Runs of a release that was sent back: they go on with the stable one, or end with a reason."""

from collections.abc import Mapping
from typing import Any

from agent_runtime.checkpoints import CheckpointStore
from agent_runtime.outside import IS_AS_READ, end_from_outside, update_from_outside
from agent_runtime.records import RunStatus, Value


def same_checkpoints(release: Mapping[str, str], stable: Mapping[str, str]) -> bool:
    """Whether both declare that they can go on with each other's steps."""
    declared = release.get("checkpoint_version") or None
    return declared is not None and declared == stable.get("checkpoint_version")


def is_in_hand(store: CheckpointStore, head: Mapping[str, Any]) -> bool:
    """Whether a worker has the run, and its lease is not over."""
    return head["status"] == RunStatus.RUNNING and head["lease_expires_at"] > store.now() * 1000


def adopt(store: CheckpointStore, head: Mapping[str, Any], bundle_id: str, **more: Value) -> bool:
    """Let another release go on with the run, unless somebody took it in the meantime; whether it may. `more`
    is written beside it."""
    changes: dict[str, Value] = {"bundle_id": bundle_id, **more}
    return update_from_outside(store, head, changes, (), while_same=(*IS_AS_READ, "bundle_id")) is not None


def end_with_its_release(store: CheckpointStore, head: Mapping[str, Any]) -> bool:
    """End a run whose steps no other release can go on with; whether it was ended."""
    reason = f"its release {head['bundle_id']} takes no runs any more, and its steps fit no other"
    return end_from_outside(store, head, RunStatus.DEAD, reason, while_same=IS_AS_READ)
