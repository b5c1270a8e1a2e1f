"""What a tripped guard asks a person: a question like an approval's, at a path where no step lies.

Until it is answered the run trips there again, whoever takes it up: what parks it is written before it is
parked.
"""

from typing import Final

from agent_runtime.approvals import Approvals, Decision
from agent_runtime.checkpoints import CheckpointStore
from agent_runtime.records import Path, path_from

GUARD_SECONDS: Final = 366 * 86_400
"""How long a person has: mostly until the run is forgotten. No answer is no yes."""
_PLACES: Final = {"loop": 20}
"""Beside those of the caps, which are 1 to 5."""


def guard_path(guard: str, times: int) -> Path:
    """Where the nth question of a guard lies."""
    return (0, _PLACES[guard], times)


def guard_at(path: Path) -> str | None:
    """The guard that asks there, or None."""
    named = {place: guard for guard, place in _PLACES.items()}
    return named.get(path[1]) if len(path) == 3 and path[0] == 0 else None


def lift(store: CheckpointStore, tenant: str, run_id: str, decision: Decision) -> int:
    """Answer all that guards ask of the run, and say how many that were; a resume does this first.

    Raises `ApprovalRefused` where somebody else decides at the same time, and `CheckpointUnavailable`.
    """
    pk = store.heads.pk(tenant, run_id)
    head = store.find_head(tenant, run_id)
    approvals = Approvals(store.table, store.now)
    found = [
        path_from(item["sk"].removeprefix("approval#"))
        for item in store.table.query(pk, "approval#000000.", "approval#000000.~")
        if head is not None and item["birth"] == head["birth"] and item["decision"] == "PENDING"
    ]
    waiting = [path for path in found if guard_at(path) is not None]
    for path in waiting:
        approvals.decide(pk, path, decision)
    return len(waiting)
