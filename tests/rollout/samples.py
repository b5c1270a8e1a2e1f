"""Plans, records, evidence and what was measured, of two or three releases."""

from typing import Any

from agent_runtime.rollout.comparing import Amounts
from agent_runtime.rollout.experiments import Experiment
from agent_runtime.rollout.gates import Evidence, Gate, Measured, Threshold
from agent_runtime.rollout.observation import Observation, Seen, Shadowed
from agent_runtime.rollout.plan import Limits, Plan, Step
from agent_runtime.rollout.record import Phase, Record

AGENT = "answers"
A, B, C = "a" * 12, "b" * 12, "c" * 12
NOW = 1_800_000_000_000
MINUTE = 60_000
STEPS = (
    Step(basis_points=500, hold_seconds=600, minimum_runs=50),
    Step(basis_points=5_000, hold_seconds=300, minimum_runs=50),
    Step(basis_points=10_000, hold_seconds=300, minimum_runs=50),
)
GATE = Gate(minimum_samples=30, thresholds={"task_success": Threshold(at_least=0.9)})
LIMITS = Limits(minimum_runs=5)


def plan(**changes: Any) -> Plan:
    given: dict[str, Any] = {
        "agent": AGENT,
        "host": "lambda",
        "releases": (A, B),
        "steps": STEPS,
        "gate": GATE,
        "limits": LIMITS,
        "watch_seconds": 3600,
    }
    return Plan(**(given | changes))


def evidence(
    bundle_id: str = B, *, value: float = 0.95, samples: int = 100, at: int = NOW - MINUTE
) -> Evidence:
    return Evidence(
        agent=AGENT,
        bundle_id=bundle_id,
        created_at=at,
        created_by="someone",
        source="agent-hosting gate",
        metrics={"task_success": Measured(value=value, samples=samples)},
    )


def amounts(runs: int, each: float) -> Amounts:
    """Of runs that lie a tenth below and above `each` in turn."""
    low, high = 0.9 * each, 1.1 * each
    lower, upper = runs - runs // 2, runs // 2
    return Amounts(runs, lower * low + upper * high, lower * low**2 + upper * high**2)


def seen(
    runs: int = 100,
    errors: int = 0,
    escalations: int = 0,
    latency: float = 1_000.0,
    cost: float = 0.05,
    **scores: Amounts,
) -> Seen:
    return Seen(runs, errors, escalations, amounts(runs, latency), amounts(runs, cost), scores)


def copies(runs: int = 20, errors: int = 0, *, agreement: float = 0.9, cost: float = 0.01) -> Shadowed:
    """What a candidate did with copies of runs."""
    return Shadowed(runs, errors, amounts(runs, agreement), runs * cost)


def observed(
    *proofs: Evidence,
    recent: Seen | None = None,
    candidate: Seen | None = None,
    stable: Seen | None = None,
    alarms: tuple[str, ...] = (),
) -> Observation:
    found = {held.bundle_id: held for held in proofs}
    return Observation(recent, candidate, stable, alarms, found)


def good(*proofs: Evidence, runs: int = 100) -> Observation:
    """Everything was measured, and nothing is wrong."""
    return observed(*(proofs or (evidence(),)), recent=seen(runs), candidate=seen(runs), stable=seen(runs))


def canary(step: int = 0, **changes: Any) -> Record:
    """Release B at the share of a step, which is over."""
    given: dict[str, Any] = {
        "candidate": B,
        "candidate_basis_points": STEPS[step].basis_points,
        "version": 7,
        "phase": Phase.CANARY,
        "step": step,
        "since": NOW - 3_600_000,
    }
    return Record(A, **(given | changes))


def watched(**changes: Any) -> Record:
    """Release B serves everyone since a minute ago, and A is what it may go back to."""
    given: dict[str, Any] = {"previous": A, "version": 7, "phase": Phase.WATCH, "since": NOW - MINUTE}
    return Record(B, **(given | changes))


def waiting(**changes: Any) -> Record:
    """Release B has no run yet."""
    given: dict[str, Any] = {"candidate": B, "version": 7, "phase": Phase.WAITING, "since": NOW - MINUTE}
    return Record(A, **(given | changes))


def shadowed(**changes: Any) -> Record:
    """Release B gets copies of runs since a minute ago."""
    return waiting(**({"phase": Phase.SHADOW} | changes))


def compared(metric: str = "errors", **changes: Any) -> Record:
    """Release B has half of the runs, until each release has 100 of them or an hour is over."""
    wanted = Experiment(metric, 5_000, 100, NOW + 3_600_000)
    given: dict[str, Any] = {"phase": Phase.EXPERIMENT, "candidate_basis_points": 5_000, "experiment": wanted}
    return waiting(**(given | changes))
