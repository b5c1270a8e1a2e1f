"""What a person may do to a rollout: pure. Nobody may give runs to a release without passing evidence."""

from agent_runtime.errors import MoveRefused
from agent_runtime.rollout.experiments import MEANS, RATES, Experiment
from agent_runtime.rollout.groups import lagging
from agent_runtime.rollout.lacking import lacking
from agent_runtime.rollout.observation import Observation
from agent_runtime.rollout.plan import Plan
from agent_runtime.rollout.record import Phase, Record


def promote(plan: Plan, record: Record, seen: Observation, now: int) -> Record:
    """The candidate at its next step without waiting for the end of this one. Raises `MoveRefused`."""
    if record.candidate is None:
        raise MoveRefused(f"there is no candidate: {record.stable} takes every run")
    if (missing := lacking(plan, record, seen)) is not None:
        raise MoveRefused(missing)
    is_canary = record.phase is Phase.CANARY
    if (behind := lagging(plan, record.step + 1 if is_canary else 0, seen.members)) is not None:
        raise MoveRefused(behind)
    if not is_canary:
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


def experiment(plan: Plan, record: Record, seen: Observation, wanted: Experiment, now: int) -> Record:
    """The candidate at a fixed share until there is a result. Raises `MoveRefused`."""
    if record.candidate is None:
        raise MoveRefused(f"there is no candidate to compare: {record.stable} takes every run")
    if (missing := lacking(plan, record, seen)) is not None:
        raise MoveRefused(missing)
    known = (*RATES, *MEANS, *plan.scores)
    if wanted.metric not in known:
        raise MoveRefused(f"{wanted.metric!r} is not measured of each run; measured are {', '.join(known)}")
    return record.compared(wanted, now)


def rollback(plan: Plan, record: Record, now: int) -> Record:
    """The candidate, or else the stable release, takes no new run. Raises `MoveRefused`."""
    if record.watched is None and record.previous is None:
        raise MoveRefused(f"{record.stable} serves alone, and no release before it is known")
    return record.gone_back(now, stops=plan.running == "stop")
