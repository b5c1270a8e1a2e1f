"""What is known of an agent's releases when the controller decides."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from agent_runtime.rollout.comparing import Amounts
from agent_runtime.rollout.gates import Evidence

NOTHING = Amounts(0, 0.0, 0.0)


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
    unfit: str | None = None
    """Why the environment does not give the candidate what it needs, such as a tool's version."""
