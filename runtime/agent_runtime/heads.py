"""The head item of a run as it is first written, and the parts of it that several writers share."""

import hashlib
import json
import os
from typing import Any, Final
from urllib.parse import quote

from agent_runtime.blobs import Blob, BlobStore
from agent_runtime.errors import CheckpointError, IdempotencyMismatch
from agent_runtime.records import (
    HEAD,
    SCHEMA_VERSION,
    SHOWN_STEPS,
    Lease,
    RunStatus,
    Usage,
    Value,
    dump_usage,
)

MINIMUM_LEASE_SECONDS: Final = 1.0
"""A lease is set even when the host has no time left: without an end, a run whose worker died would never
move.
"""
GRACE_SECONDS: Final = 60
"""How long after its lease a run may lie before the reaper sees to it: SQS delivers it again before that."""
QUEUED_SECONDS: Final = 120
"""How long a run may be queued before its message is sent again for the first time."""


class Heads:
    """Builds heads of one agent's runs. Knows no client but the blob store's, for inputs over the limit."""

    def __init__(self, agent: str, blobs: BlobStore, retention_days: int) -> None:
        self.agent = without_hash("agent", agent)
        self.inline_bytes = blobs.inline_bytes // 2  # the head holds two: input and output
        self._blobs = blobs
        self.retention_days = retention_days

    def new(
        self,
        run_id: str,
        tenant: str,
        given: Any,
        bundle_id: str,
        session: str | None,
        now: int,
        parent: str | None = None,
    ) -> dict[str, Value]:
        """A head at its first epoch; `given` is the input, or the `Blob` that it was uploaded as. `now` is in
        milliseconds."""
        token, pk = os.urandom(12).hex(), self.pk(tenant, run_id)
        if isinstance(given, Blob):
            digest, inline, blob = given.sha256, None, given.pointer()
        else:
            text = json.dumps(given, sort_keys=True, allow_nan=False)
            digest = hashlib.sha256(text.encode()).hexdigest()
            prefix = blob_prefix(self.agent, tenant, run_id)
            inline, blob = self._blobs.spill(f"{prefix}/input", text, self.inline_bytes)
        return {
            "pk": pk,
            "sk": HEAD,
            "schema_version": SCHEMA_VERSION,
            "epoch": 1,
            "birth": f"{now:015d}-{token}",
            "expires_at": now // 1000 + self.retention_days * 86_400,
            "run_id": run_id,
            "tenant": tenant,
            "session": session,
            "parent": parent,
            "status": RunStatus.RUNNING.value,
            "bundle_id": bundle_id,
            "input_hash": digest,
            "input": inline,
            "input_blob": blob,
            "holder": token,
            "created_at": now,
            "updated_at": now,
        }

    def queued(self, run_id: str, now: int) -> dict[str, Value]:
        """What a run that waits for a worker has beside a new head."""
        due: dict[str, Value] = {
            "due_shard": due_shard(self.agent, run_id),
            "due_at": now + QUEUED_SECONDS * 1000,
        }
        return {**due, "resends": 0, "takes": 0, "epoch": 0, "status": RunStatus.QUEUED.value}

    def held_back(self, why: str, now: int) -> dict[str, Value]:
        """Changes to the head of a run that waits for a person to resume it."""
        return {"held": why, "due_shard": held_shard(self.agent), "due_at": now}

    def lease(self, head: dict[str, Any]) -> Lease:
        """The lease of whoever wrote the head's epoch."""
        prefix = blob_prefix(self.agent, head["tenant"], head["run_id"])
        times = (head["epoch"], head["birth"], head["expires_at"])
        return Lease(head["pk"], prefix, *times, is_queued="takes" in head, pot=head.get("pot") or "")

    def pk(self, tenant: str, run_id: str) -> str:
        """Partition of a run. Raises `CheckpointError` for a part that could reach another's keys."""
        return f"{self.agent}#{without_hash('tenant', tenant)}#{without_hash('run_id', run_id)}"


def taken(token: str, lease_ends: int, now: int, *, is_queued: bool) -> dict[str, Value]:
    """Changes to the head of a run that a worker takes. Times in milliseconds."""
    due: dict[str, Value] = {"due_at": lease_ends + GRACE_SECONDS * 1000} if is_queued else {}
    held: dict[str, Value] = {"holder": token, "lease_expires_at": lease_ends, "updated_at": now}
    return {"status": RunStatus.RUNNING.value, "error": None, **held, **due}


def due_shard(agent: str, run_id: str) -> str:
    """Hash key of the index `due`: sixteen of them, since one partition takes 1,000 writes a second."""
    return f"{agent}#{run_id[-1]}"


def held_shard(agent: str) -> str:
    """Hash key of the index `due` for runs that only a person lets go on: the reaper does not look there."""
    return f"{agent}#held"


def totals(steps: tuple[str, ...], usage: Usage | None) -> dict[str, Value]:
    """What a run has done and used so far."""
    names = json.dumps(steps[:SHOWN_STEPS])
    return {"steps": names, "step_count": len(steps), "usage": dump_usage(usage or Usage())}


def check_same_input(found: dict[str, Any], head: dict[str, Value]) -> None:
    """Raises `IdempotencyMismatch` where a key came with another input than the first time."""
    if found["input_hash"] != head["input_hash"]:
        raise IdempotencyMismatch(f"run {head['run_id']} was begun with another input")


def blob_prefix(agent: str, tenant: str, run_id: str) -> str:
    """Where a run's large items lie in the bucket."""
    return f"{agent}/{quote(tenant, safe='')}/{run_id}"


def lease_milliseconds(seconds: float) -> int:
    """Length of a lease."""
    return int(max(seconds, MINIMUM_LEASE_SECONDS) * 1000)


def without_hash(what: str, value: str) -> str:
    """IAM limits an agent to keys that begin with `{agent}#`: a `#` inside a part could reach another's
    keys."""
    if not value or "#" in value or len(value) > 256 or not value.isprintable():
        raise CheckpointError(f"{what} must be 1 to 256 printable characters without '#'")
    return value
