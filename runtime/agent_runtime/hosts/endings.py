"""What becomes of a run and of its message once the agent's function has returned: pure."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from agent_runtime.errors import (
    PASSING,
    AgentRuntimeError,
    CapReached,
    CircuitOpen,
    ConfigurationError,
    GuardTripped,
    MemoryGone,
    ModelAuthFailed,
    ModelRejected,
    ModelUnavailable,
    RunError,
    SecretNotDeclared,
    Suspended,
    ToolRefused,
)
from agent_runtime.heads import QUEUED_SECONDS
from agent_runtime.hosts.queue import LONGEST_DELAY_SECONDS
from agent_runtime.records import RunStatus

FIRST_RETRY_SECONDS, LONGEST_RETRY_SECONDS = 5, 600
PARKED_SECONDS: Final = 120
"""Longest pause before a run that waits for a brake or a model is tried again. One that waits for a cap is
tried less often, since its window ends when it ends, but as often as SQS wants, since people raise caps."""
GUARDED_SECONDS: Final = 3660 * 86_400
"""Longer than any run is kept: what a guard has parked comes back when a person says so, never by itself."""
_HOPELESS: Final = (
    ConfigurationError,
    MemoryGone,
    ModelAuthFailed,
    ModelRejected,
    RunError,
    SecretNotDeclared,
    ToolRefused,
)


@dataclass(frozen=True)
class Ending:
    """What to write, and what to do with the message. Times in seconds."""

    status: RunStatus
    due_at: float = 0.0
    """When the reaper looks after it, since 1970; 0 for a run that has ended."""
    error: str | None = None
    resend_after: int | None = None
    """A new message with this delay takes the old one's place: receives are counted from one again."""
    visible_after: int | None = None
    """The same message comes back after this time, and its receive counts."""
    is_dead_letter: bool = False
    held: str | None = None
    """What holds it back until a person resumes it."""


def ending(
    error: Exception | None, *, takes: int, max_receives: int, now: float, jitter: Callable[[], float]
) -> Ending:
    """How a run goes on that ended with `error`; `takes` counts the workers it had since it was last given
    back by itself, `jitter` gives 0 to 1."""
    if error is None:
        return Ending(RunStatus.DONE)
    if isinstance(error, Suspended):
        return _suspended(error, now)
    if isinstance(error, GuardTripped):
        return Ending(RunStatus.PARKED, now + GUARDED_SECONDS, str(error), held=error.guard)
    if isinstance(error, PASSING):
        pause = _parked_seconds(error, jitter())
        due_at = now + pause + QUEUED_SECONDS
        return Ending(RunStatus.PARKED, due_at, str(error), resend_after=pause)
    reason = type(error).__name__
    if isinstance(error, _HOPELESS):
        return Ending(RunStatus.DEAD, error=f"{reason}: {error}", is_dead_letter=True)
    if takes >= max_receives:
        said = f"{reason}: {error}" if isinstance(error, AgentRuntimeError) else reason
        return Ending(RunStatus.DEAD, error=f"{said}, {takes} times", is_dead_letter=True)
    pause = 1 + round(jitter() * min(LONGEST_RETRY_SECONDS, FIRST_RETRY_SECONDS * 2 ** (takes - 1)))
    return Ending(RunStatus.QUEUED, now + pause + QUEUED_SECONDS, reason, visible_after=pause)


def _parked_seconds(error: AgentRuntimeError, jitter: float) -> int:
    """Spread out, so that the runs that were parked together do not come back together; no earlier than what
    they wait for said."""
    asked = error.retry_after_seconds if isinstance(error, CircuitOpen | ModelUnavailable) else 0.0
    if asked > 0:
        return min(LONGEST_DELAY_SECONDS, math.ceil(asked) + round(jitter * asked / 4))
    longest = LONGEST_DELAY_SECONDS if isinstance(error, CapReached) else PARKED_SECONDS
    return 1 + round(jitter * (longest - 1))


def _suspended(error: Suspended, now: float) -> Ending:
    status = RunStatus(error.status)
    if status is RunStatus.QUEUED:
        return Ending(status, now + QUEUED_SECONDS, resend_after=0)
    if status is RunStatus.WAITING_APPROVAL:
        return Ending(status, error.due_at, str(error))
    pause = max(0, round(error.due_at - now + 0.5))
    if pause > LONGEST_DELAY_SECONDS:
        return Ending(status, error.due_at, str(error))
    return Ending(status, max(error.due_at, now) + QUEUED_SECONDS, str(error), resend_after=pause)
