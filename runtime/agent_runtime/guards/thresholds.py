"""Thresholds at which a run is handed to a person: pure, over what the run has done so far.

Each approval allows as much again, counted anew; how often there was one is in the questions themselves, so
that every worker comes to the same.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field

Path = tuple[int, ...]
KINDS: Final = ("max_steps", "max_run_seconds", "failed_tool_share")
_PLACE: Final = 11
"""Second number of the questions' paths, which begin with 0; those of caps on spending are below."""


class Thresholds(BaseModel):
    """What a run may do before a person has to look at it. Absent: no bound."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_steps: int | None = Field(default=None, ge=1, le=10_000)
    max_run_seconds: float | None = Field(default=None, gt=0, le=30 * 86_400, allow_inf_nan=False)
    """Since it began, or since a person decided something for it last; its sleeps count."""
    failed_tool_share: float | None = Field(default=None, gt=0, le=1, allow_inf_nan=False)
    """Of the steps that call no model, as far as one worker sees them."""
    min_tool_calls: int = Field(default=5, ge=1, le=10_000)
    """So many calls are needed before their share counts, and as many again after each approval."""

    @property
    def are_set(self) -> bool:
        return any(getattr(self, kind) is not None for kind in KINDS)


@dataclass(frozen=True)
class History:
    """What people decided for a run before."""

    allowed: Mapping[str, int] = field(default_factory=dict[str, int])
    """How often a person let it go on, by kind of threshold."""
    decided_at: float = 0.0
    """When one decided last, in seconds since 1970; 0 for never."""


@dataclass(frozen=True)
class Facts:
    """How far a run is."""

    steps: int
    """Completed."""
    seconds: float
    """Since it began, or since a person decided last."""
    tool_calls: int = 0
    tool_errors: int = 0


@dataclass(frozen=True)
class Reached:
    """A threshold that a run has reached."""

    kind: str
    path: Path
    """Where its question stands."""
    text: str


def reached(thresholds: Thresholds, facts: Facts, allowed: Mapping[str, int]) -> Reached | None:
    """The first threshold that would be passed by another step; None while a person need not look."""
    checks = (
        ("max_steps", _too_many_steps(thresholds, facts, 1 + allowed.get("max_steps", 0))),
        ("max_run_seconds", _too_long(thresholds, facts)),
        ("failed_tool_share", _fails(thresholds, facts, 1 + allowed.get("failed_tool_share", 0))),
    )
    for kind, text in checks:
        if text is not None:
            path = (0, _PLACE + KINDS.index(kind), 1 + allowed.get(kind, 0))
            return Reached(kind, path, f"{text}. Approve to let it go on")
    return None


def history(questions: Sequence[Mapping[str, Any]], paths: Sequence[Path]) -> History:
    """What was decided, by the items of a run's questions and their paths."""
    allowed: dict[str, int] = {}
    decided_at = 0.0
    for item, path in zip(questions, paths, strict=True):
        if "decided_at" not in item:
            continue
        decided_at = max(decided_at, item["decided_at"] / 1000)
        place = path[1] - _PLACE if len(path) == 3 and path[0] == 0 else -1
        if 0 <= place < len(KINDS) and item["decision"] == "approve":
            allowed[KINDS[place]] = max(allowed.get(KINDS[place], 0), path[2])
    return History(allowed, decided_at)


def _too_many_steps(thresholds: Thresholds, facts: Facts, times: int) -> str | None:
    most = thresholds.max_steps
    if most is None or facts.steps < most * times:
        return None
    return f"the run has done {facts.steps} steps and a person looks at it every {most}"


def _too_long(thresholds: Thresholds, facts: Facts) -> str | None:
    most = thresholds.max_run_seconds
    if most is None or facts.seconds < most:
        return None
    return f"the run goes on for {facts.seconds:.0f} s and a person looks at it after {most:g} s"


def _fails(thresholds: Thresholds, facts: Facts, times: int) -> str | None:
    most = thresholds.failed_tool_share
    if most is None or facts.tool_calls < thresholds.min_tool_calls * times:
        return None
    if facts.tool_errors < most * facts.tool_calls:
        return None
    return f"{facts.tool_errors} of its {facts.tool_calls} tool calls failed, and {most:.0%} are too many"
