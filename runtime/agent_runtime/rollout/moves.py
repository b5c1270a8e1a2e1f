"""What a person may do to a rollout: pure. Nobody may give runs to a release without passing evidence."""

from agent_runtime.errors import MoveRefused
from agent_runtime.rollout.decide import lacking
from agent_runtime.rollout.observation import Observation
from agent_runtime.rollout.plan import Plan
from agent_runtime.rollout.record import Phase, Record


def promote(plan: Plan, record: Record, seen: Observation, now: int) -> Record:
    """The candidate at its next step without waiting for the end of this one. Raises `MoveRefused`."""
    if record.candidate is None:
        raise MoveRefused(f"there is no candidate: {record.stable} takes every run")
    if (missing := lacking(plan, record, seen)) is not None:
        raise MoveRefused(missing)
    if record.phase is not Phase.CANARY:
        return record.steps_to(0, plan.steps[0].basis_points, now)
    following = record.step + 1
    if following >= len(plan.steps):
        return record.promoted(now)
    return record.steps_to(following, plan.steps[following].basis_points, now)


def hold(record: Record, reason: str) -> Record:
    """The candidate stays at its share; it still goes back by itself. Raises `MoveRefused`."""
    if record.candidate is None:
        raise MoveRefused(f"there is no candidate to hold: {record.stable} takes every run")
    return record.held_for(reason)


def resume(record: Record) -> Record:
    """A held candidate may advance again. Raises `MoveRefused`."""
    if record.held is None:
        raise MoveRefused("nothing is held")
    return record.held_for(None)


def rollback(plan: Plan, record: Record, now: int) -> Record:
    """The candidate, or else the stable release, takes no new run. Raises `MoveRefused`."""
    if record.watched is None and record.previous is None:
        raise MoveRefused(f"{record.stable} serves alone, and no release before it is known")
    return record.gone_back(now, stops=plan.running == "stop")
