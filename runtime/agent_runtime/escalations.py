"""How long a run went on before it asked a person."""

import logging

from agent_runtime.approvals import Approvals
from agent_runtime.checkpoints import CheckpointStore
from agent_runtime.errors import CheckpointUnavailable, Suspended
from agent_runtime.run import Run

_log = logging.getLogger("agent_runtime.escalations")


def escalated_after_ms(store: CheckpointStore, run: Run, error: Exception | None) -> int | None:
    """Milliseconds from the run's creation to its first question, if that was put in this call. It is a
    figure alone: where the table does not tell, it is left out."""
    if not isinstance(error, Suspended) or error.asked is None:
        return None
    try:
        is_first = Approvals(store.table).is_first(run.lease, error.asked)
    except CheckpointUnavailable as unavailable:
        _log.warning("time to escalation not known", extra={"run_id": run.run_id}, exc_info=unavailable)
        return None
    return max(0, int(store.now() * 1000) - run.progress.created_at) if is_first else None
