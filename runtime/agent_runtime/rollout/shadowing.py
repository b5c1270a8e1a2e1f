"""What becomes of a candidate that only gets copies of runs: pure."""

from typing import Final

from agent_runtime.rollout.actions import Decided, go_back, hold
from agent_runtime.rollout.observation import Observation, Shadowed
from agent_runtime.rollout.plan import Plan, Shadow
from agent_runtime.rollout.record import Record

MOST_COPIES: Final = 10
"""Copies that one call begins: they come beside the runs of callers, and are to be bounded."""


def judged(plan: Plan, shadow: Shadow, record: Record, seen: Observation, now: int) -> Decided | None:
    """To wait for more copies or to go back; None where the candidate has shown enough."""
    found = seen.shadowed
    if found is None:
        return hold(record, "the copies cannot be measured")
    if found.runs < shadow.minimum_runs:
        told = f"{found.runs} of {shadow.minimum_runs} copies compared"
        if found.cost_usd >= shadow.budget_usd:
            return hold(record, f"{told}, and their {shadow.budget_usd:g} USD are spent")
        return hold(record, told, min(MOST_COPIES, shadow.minimum_runs - found.runs))
    if (worse := _worse(plan, shadow, found)) is not None:
        return go_back(plan, record, worse, now)
    return None


def _worse(plan: Plan, shadow: Shadow, found: Shadowed) -> str | None:
    if found.errors / found.runs > plan.limits.error_rate:
        return f"{found.errors} of {found.runs} copies failed"
    if found.agreement.mean < shadow.minimum_agreement:
        share = f"{found.agreement.mean:.3g} in {found.runs} copies"
        return f"agreement with the stable release is {share}, and {shadow.minimum_agreement:g} is needed"
    return None
