"""Errors as RFC 9457 problem documents."""

import math
from typing import Any, Final

from agent_runtime.errors import (
    AgentRuntimeError,
    ApprovalRefused,
    AuditUnavailable,
    Braked,
    BundleMismatch,
    CapReached,
    CheckpointUnavailable,
    CircuitOpen,
    GuardTripped,
    IdempotencyMismatch,
    LeaseLost,
    ModelUnavailable,
    ParentRefused,
    RunHeld,
    RunInProgress,
    RunUnknown,
    SessionBusy,
    SessionElsewhere,
    SessionStranded,
    SpendUnknown,
    ToolUnavailable,
    TrafficUnknown,
)

CONTENT_TYPE: Final = "application/problem+json"
_TYPE: Final = "urn:agent-hosting:problem:"
_OF_ERRORS: Final[tuple[tuple[type[AgentRuntimeError], int, str, str], ...]] = (
    (Braked, 429, "braked", "The agent is braked"),
    (CapReached, 429, "cap-reached", "A cap on spending is reached"),
    (ParentRefused, 403, "parent-refused", "The run cannot spend what its parent may"),
    (SpendUnknown, 503, "spend-unknown", "What was spent cannot be counted"),
    (RunHeld, 409, "run-held", "The run waits for a person"),
    (GuardTripped, 409, "guard-tripped", "A guard stopped the run"),
    (AuditUnavailable, 503, "audit-unavailable", "The audit trail cannot be written"),
    (RunInProgress, 409, "run-in-progress", "The run is being worked on"),
    (LeaseLost, 409, "run-in-progress", "The run was taken over by another worker"),
    (SessionBusy, 409, "session-busy", "Another turn of the session goes on"),
    (SessionElsewhere, 409, "session-elsewhere", "The session is pinned to another release"),
    (SessionStranded, 409, "session-stranded", "No release can go on with the session"),
    (RunUnknown, 404, "not-found", "There is no such run"),
    (ApprovalRefused, 409, "decision-refused", "The decision does not count"),
    (TrafficUnknown, 503, "traffic-unknown", "No release can be chosen"),
    (IdempotencyMismatch, 409, "idempotency-mismatch", "The idempotency key belongs to another input"),
    (BundleMismatch, 409, "bundle-mismatch", "The run was begun by another release"),
    (ToolUnavailable, 503, "tool-unavailable", "A tool is unavailable"),
    (CircuitOpen, 503, "circuit-open", "What the agent calls was down, and is left alone for a while"),
    (ModelUnavailable, 503, "model-unavailable", "The model is unavailable"),
    (CheckpointUnavailable, 503, "checkpoints-unavailable", "The run's state cannot be read or written"),
)


class Problem(Exception):
    """A request that gets a problem document for an answer."""

    def __init__(
        self, status: int, kind: str, title: str, detail: str, *, retry_after: int | None = None, **more: Any
    ) -> None:
        super().__init__(title)
        self.status = status
        self.kind = kind
        self.title = title
        self.detail = detail
        self.retry_after = retry_after
        self.has_begun = False
        """Whether there is a run that only its caller can go on with."""
        self.more = more

    def document(self, instance: str) -> dict[str, Any]:
        """`{type, title, status, detail, instance}` and the members of this problem."""
        base = {"type": _TYPE + self.kind, "title": self.title, "status": self.status, "detail": self.detail}
        return {**base, "instance": instance, **self.more}


def problem_of(error: Exception, run_id: str | None) -> Problem:
    """The problem for an error. Of an error that is not the runtime's own it says the class, never the
    text."""
    more: dict[str, Any] = {} if run_id is None else {"run_id": run_id}
    if isinstance(error, Braked):
        more["reason"] = error.reason
    for kind, status, slug, title in _OF_ERRORS:
        if isinstance(error, kind):
            return Problem(status, slug, title, str(error), retry_after=_retry_after(error), **more)
    detail = f"the run failed with {type(error).__name__}"
    return Problem(500, "agent-error", "The agent failed", detail, **more)


_PASSING: Final = (
    AuditUnavailable,
    BundleMismatch,
    CheckpointUnavailable,
    LeaseLost,
    SessionElsewhere,
    SpendUnknown,
    ToolUnavailable,
    TrafficUnknown,
)


def _retry_after(error: AgentRuntimeError) -> int | None:
    if isinstance(error, CapReached):
        return error.retry_after_seconds
    if isinstance(error, RunInProgress | SessionBusy | CircuitOpen | ModelUnavailable):
        return max(1, math.ceil(error.retry_after_seconds))
    return 1 if isinstance(error, _PASSING) else None
