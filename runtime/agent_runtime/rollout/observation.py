"""What is known of an agent's releases when the controller decides."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from agent_runtime.rollout.comparing import Amounts
from agent_runtime.rollout.gates import Evidence

NOTHING: Final = Amounts(0, 0.0, 0.0)
THROUGH: Final = 1_000
"""Stage of a release that serves everyone: beyond every step."""


@dataclass(frozen=True)
class Seen:
    """What one release did in a time. Latency in milliseconds, cost in US dollars."""

    runs: int = 0
    errors: int = 0
    escalations: int = 0
    latency_ms: Amounts = NOTHING
    cost_usd: Amounts = NOTHING
    scores: Mapping[str, Amounts] = field(default_factory=dict)
    """Of those runs that reported one."""


@dataclass(frozen=True)
class Shadowed:
    """What the copies of runs showed that the candidate did since its shadow began."""

    runs: int = 0
    errors: int = 0
    agreement: Amounts = NOTHING
    cost_usd: float = 0.0


@dataclass(frozen=True)
class Member:
    """How far another agent of the group is with its newest release."""

    stage: int
    """0 before its first step, then the number of its step; `THROUGH` once it serves everyone."""
    fell_back: bool = False
    watched_until: int = 0
    """When its watch ends, in milliseconds since 1970; 0 where it is not watched."""


@dataclass(frozen=True)
class Observation:
    """Metrics are None where they cannot be read: what is not known never lets a candidate advance."""

    recent: Seen | None = None
    """The watched release, in the window of the limits."""
    candidate: Seen | None = None
    """Since its step began."""
    stable: Seen | None = None
    """The release that the candidate is compared with, in the same time."""
    alarms: tuple[str, ...] = ()
    """Alarms of the watched release that are in ALARM."""
    evidence: Mapping[str, Evidence] = field(default_factory=dict)
    """The newest of each bundle that has any."""
    shadowed: Shadowed | None = None
    """Copies that the candidate did."""
    members: Mapping[str, Member] = field(default_factory=dict)
    """The other agents of the group whose records could be read."""
