"""What became of one case."""

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any, Final

from agent_runtime.records import RunStatus, Usage

TIMED_OUT: Final = "TIMED_OUT"
"""Status of a case whose run was given up."""


@dataclass(frozen=True)
class CaseResult:
    """A run of one case, as far as it went."""

    case_id: str
    status: str
    """A `RunStatus`, or `TIMED_OUT`."""
    latency_ms: float
    output: Any = None
    steps: tuple[tuple[str, bool], ...] = ()
    """Name of each completed step, and whether it was replayed."""
    usage: Usage | None = None
    """None where nobody knows it: the run was given up."""
    reason: str | None = None
    """Why it is not done: the class of an error and never its text, which may hold anything."""
    scores: dict[str, float] = field(default_factory=dict)
    """By metric, for those that apply to the case."""

    @property
    def is_done(self) -> bool:
        return self.status == RunStatus.DONE

    @property
    def is_escalated(self) -> bool:
        """Whether the run waits for a person."""
        return self.status == RunStatus.WAITING_APPROVAL

    def calls_of(self, tools: Collection[str]) -> list[str]:
        """The steps whose name is that of a tool, in their order."""
        return [name for name, _ in self.steps if name in tools]

    def as_dict(self) -> dict[str, Any]:
        """As it is written beside the evidence, and as scorers of the agent's own see it."""
        return {
            "case_id": self.case_id,
            "status": self.status,
            "output": self.output,
            "steps": [{"name": name, "replayed": replayed} for name, replayed in self.steps],
            "usage": self.usage.as_dict() if self.usage else None,
            "latency_ms": round(self.latency_ms, 3),
            "escalated": self.is_escalated,
            "reason": self.reason,
            "scores": self.scores,
        }
