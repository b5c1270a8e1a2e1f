"""Questions to people as people look for them: what will happen, in whose name, until when, who decided."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from agent_runtime.approvals import Approvals
from agent_runtime.checkpoints import CheckpointStore
from agent_runtime.open_runs import Wanted, open_heads
from agent_runtime.records import Path, RunStatus, path_text

PENDING = "PENDING"


@dataclass(frozen=True)
class Question:
    """One question. Times are seconds since 1970."""

    approval_id: str
    run_id: str
    tenant: str
    """In whose name the run acts."""
    session: str | None
    bundle_id: str
    run_status: RunStatus
    name: str
    summary: str
    """What will happen, in the agent's words."""
    kind: str
    """`approval`, `escalation` or `cap` to approve or deny; `doubt` for an effect that may have happened."""
    expires_at: float
    """Silence until then is a no."""
    verdict: str
    """PENDING, or what was decided; `deny` once the time for it is over."""
    decided_by: str
    decided_at: float | None


def pending(store: CheckpointStore, wanted: Wanted) -> Iterator[Question]:
    """Questions that still can be answered, of runs that wait for one or were stopped while they did. Raises
    `CheckpointUnavailable`."""
    for head in open_heads(store, wanted):
        if head["status"] == RunStatus.WAITING_APPROVAL or "held" in head:
            yield from (asked for asked in questions(store, head) if asked.verdict == PENDING)


def questions(store: CheckpointStore, head: Mapping[str, Any]) -> list[Question]:
    """All that the run of `head` has asked. Raises `CheckpointUnavailable`."""
    items, paths = Approvals(store.table, store.now).of_run(head["pk"], head["birth"])
    return [_question(head, item, path, store.now()) for item, path in zip(items, paths, strict=True)]


def _question(head: Mapping[str, Any], item: Mapping[str, Any], path: Path, now: float) -> Question:
    expires_at = item["until"] / 1000
    is_over = item["decision"] == PENDING and expires_at <= now
    decided_at = item.get("decided_at")
    return Question(
        approval_id=f"{head['run_id']}.{path_text(path)}",
        run_id=head["run_id"],
        tenant=head["tenant"],
        session=head.get("session"),
        bundle_id=head["bundle_id"],
        run_status=RunStatus(head["status"]),
        name=item["name"],
        summary=item["summary"],
        kind=_kind(item, path),
        expires_at=expires_at,
        verdict="deny" if is_over else item["decision"],
        decided_by="nobody: the time for it was over" if is_over else item.get("decided_by", ""),
        decided_at=None if decided_at is None else decided_at / 1000,
    )


def _kind(item: Mapping[str, Any], path: Path) -> str:
    if item.get("is_doubt"):
        return "doubt"
    if path[0] != 0:
        return "approval"
    return "escalation" if str(item["name"]).startswith("escalation") else "cap"
