"""What a function answers a schedule, which waits for nothing and calls again by Lambda's own retries."""

import logging
from collections.abc import Callable
from typing import Any

from agent_runtime.hosts.problems import Problem

_log = logging.getLogger("agent_runtime.hosts.scheduled")


def by_schedule(run: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """The run, or the problem of one that is left out: the agent is braked, or a cap leaves no room, and the
    next time comes by itself.

    Raises `Problem` for what may pass in minutes, for a run that has begun and for what nobody could run:
    Lambda calls twice more with the same key, and then keeps the call where failures go.
    """
    try:
        return run()
    except Problem as problem:
        if problem.has_begun or (problem.status != 429 and problem.status != 409):
            raise
        _log.warning("scheduled run left out", extra={"reason": problem.detail})
        return {"problem": problem.document("urn:agent-hosting:schedule")}
