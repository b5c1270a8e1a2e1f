"""What sends a release back at once, whoever holds it: pure."""

from agent_runtime.rollout.groups import fallen
from agent_runtime.rollout.observation import Observation, Seen
from agent_runtime.rollout.plan import Limits, Plan
from agent_runtime.rollout.record import Phase, Record

_SERVING = (Phase.CANARY, Phase.EXPERIMENT, Phase.WATCH)
"""Phases in which the watched release takes runs."""


def trigger(plan: Plan, record: Record, seen: Observation) -> str | None:
    """Why the watched release goes back; None where nothing is wrong, or where it takes no run."""
    if record.phase not in _SERVING:
        return None
    if seen.alarms:
        return f"alarm {', '.join(seen.alarms)}"
    over = over_a_limit(plan.limits, seen.recent)
    if over is not None:
        return f"{over} in the last {plan.limits.window_seconds} s"
    return fallen(plan, seen.members)


def over_a_limit(limits: Limits, found: Seen | None) -> str | None:
    """Which limit a release is over; None too where it had too few runs to say."""
    if found is None or found.runs < limits.minimum_runs:
        return None
    measured = (
        ("errors", found.errors / found.runs, limits.error_rate),
        ("escalations", found.escalations / found.runs, limits.escalation_rate),
        ("mean latency in ms", found.latency_ms.mean, limits.mean_latency_ms),
        ("cost of a run in USD", found.cost_usd.mean, limits.cost_per_run_usd),
    )
    for name, value, limit in measured:
        if value > limit:
            return f"{name}: {value:.3g}, and {limit:g} is allowed,"
    return None
