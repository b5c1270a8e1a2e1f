"""The runs of an agent as people look for them: those that have not ended by the index, the others by all."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from agent_runtime.checkpoints import CheckpointStore
from agent_runtime.heads import due_shard, held_shard
from agent_runtime.records import ENDED, HEAD, RunStatus, Usage, load_usage

_SHARDS: Final = "0123456789abcdef"
_SHOWN: Final = (
    "run_id", "tenant", "session", "status", "bundle_id", "created_at", "updated_at", "expires_at", "error",
    "usage", "step_count", "held", "epoch", "birth", "lease_expires_at", "takes",
)  # fmt: skip
"""Of a head, without what callers said: inputs are large, and nobody's to read in a list."""


@dataclass(frozen=True)
class Wanted:
    """Which runs are meant: those that fit every field that is given."""

    run_id: str | None = None
    tenant: str | None = None
    bundle_id: str | None = None
    statuses: frozenset[RunStatus] = frozenset()

    def fits(self, head: Mapping[str, Any]) -> bool:
        return (
            self.run_id in (None, head["run_id"])
            and self.tenant in (None, head["tenant"])
            and self.bundle_id in (None, head["bundle_id"])
            and (not self.statuses or RunStatus(head["status"]) in self.statuses)
        )


@dataclass(frozen=True)
class FoundRun:
    """A run in a list. Times are milliseconds since 1970."""

    run_id: str
    tenant: str
    status: RunStatus
    bundle_id: str
    created_at: int
    updated_at: int
    session: str | None
    steps: int
    """Completed steps, known once a worker has given the run back."""
    usage: Usage
    """Likewise."""
    waits_for: str
    """Why it does not go on, or what ended it."""
    held: str
    """What holds it back until a person resumes it, or empty."""


def open_heads(store: CheckpointStore, wanted: Wanted) -> Iterator[dict[str, Any]]:
    """Heads of runs that have not ended, each as last written. The index is a moment behind: what began just
    now may be missing. Raises `CheckpointUnavailable`."""
    agent = store.heads.agent
    shards = _SHARDS if wanted.run_id is None else wanted.run_id[-1:]
    for shard in [*(due_shard(agent, digit) for digit in shards), held_shard(agent)]:
        for key in store.table.keys_in(shard):
            if str(key["sk"]) != HEAD or not _may_fit(str(key["pk"]), wanted):
                continue
            head = store.table.get(key, only=_SHOWN)
            if head is not None and _is_open(store, head) and wanted.fits(head):
                yield head


def begun_heads(store: CheckpointStore, wanted: Wanted, since: int) -> Iterator[dict[str, Any]]:
    """Heads of runs that were begun after `since`, in milliseconds since 1970. It reads the whole table.
    Raises `CheckpointUnavailable`."""
    agent, now = f"{store.heads.agent}#", store.now()
    for head in store.table.every(HEAD, _SHOWN):
        is_ours = head["pk"].startswith(agent) and head["expires_at"] > now
        if is_ours and head["created_at"] >= since and wanted.fits(head):
            yield head


def ended_heads(store: CheckpointStore, wanted: Wanted, since: int) -> Iterator[dict[str, Any]]:
    """Of those the ones of runs that have ended."""
    return (head for head in begun_heads(store, wanted, since) if RunStatus(head["status"]) in ENDED)


def found(head: Mapping[str, Any]) -> FoundRun:
    """The run of a head."""
    return FoundRun(
        run_id=head["run_id"],
        tenant=head["tenant"],
        status=RunStatus(head["status"]),
        bundle_id=head["bundle_id"],
        created_at=head["created_at"],
        updated_at=head["updated_at"],
        session=head.get("session"),
        steps=head.get("step_count", 0),
        usage=load_usage(head.get("usage")),
        waits_for=head.get("error") or "",
        held=head.get("held") or "",
    )


def described(store: CheckpointStore, tenant: str, run_id: str) -> dict[str, Any] | None:
    """All that is kept of a run but what its caller said and what it answered; None if there is none. Steps
    are those that are in the table now, so that a run under way is told as far as it is. Raises
    `CheckpointUnavailable` and `CheckpointBlobLost`."""
    head = store.find_head(tenant, run_id)
    if head is None:
        return None
    run = found(head)
    recorded = sorted(store.steps.read(head["pk"], head["birth"]).items())
    steps = [
        {"path": list(path), "name": step.name, "state": step.state.value, "epoch": step.epoch,
         "cost_usd": step.usage.cost_usd, "failed": step.failed}
        for path, step in recorded if step.name
    ]  # fmt: skip
    spent = Usage()
    for path, step in recorded:
        if len(path) == 1:  # a step counts what was used inside it
            spent += step.usage
    return {
        "run_id": run.run_id,
        "tenant": run.tenant,
        "session": run.session,
        "status": run.status.value,
        "bundle_id": run.bundle_id,
        "created_at": run.created_at,
        "updated_at": run.updated_at,
        "lease_expires_at": head.get("lease_expires_at", 0),
        "epoch": head["epoch"],
        "held": run.held,
        "waits_for": run.waits_for,
        "usage": json.loads(json.dumps(spent.as_dict())),
        "steps": steps,
    }


def _is_open(store: CheckpointStore, head: Mapping[str, Any]) -> bool:
    return head["expires_at"] > store.now() and RunStatus(head["status"]) not in ENDED


def _may_fit(pk: str, wanted: Wanted) -> bool:
    """By the key alone, which spares a read: `AGENT#TENANT#RUN`."""
    _, tenant, run_id = pk.split("#")
    return wanted.tenant in (None, tenant) and wanted.run_id in (None, run_id)
