"""What a person may do to a rollout: pure. Nobody may give runs to a release without passing evidence."""

from dataclasses import replace

from agent_runtime.errors import MoveRefused
from agent_runtime.rollout.experiments import MEANS, RATES, Experiment
from agent_runtime.rollout.groups import fallen, lagging
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
    _keeps_step(plan, record.step + 1 if is_canary else 0, seen)
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
    _keeps_step(plan, 0, seen)
    return record.compared(wanted, now)


def rollback(plan: Plan, record: Record, now: int, release: str | None = None) -> Record:
    """A release takes no new run: `release`, or else the one that a rollout gives runs or watches.

    Raises `MoveRefused`, also where the one before is not deployed, and where nothing is rolled out: whoever
    says it a moment after the controller did must not send the next release back, too.
    """
    serving = record.watched if record.candidate_basis_points or record.phase is Phase.WATCH else None
    bad = release or serving
    if bad is None:
        found = f"{record.candidate} has no run and {record.stable}" if record.candidate else record.stable
        raise MoveRefused(f"{found} takes every run; name with --release which one is to go back")
    if bad not in (record.stable, record.candidate):
        raise MoveRefused(f"{bad} takes no run: {record.stable} is the stable release")
    if bad == record.stable:
        if record.previous not in plan.releases:
            raise MoveRefused(f"{bad} has no release before it that is deployed")
        record = replace(record, candidate=None, candidate_basis_points=0, experiment=None)
    return record.gone_back(now, stops=plan.running == "stop")


def _keeps_step(plan: Plan, stage: int, seen: Observation) -> None:
    if (behind := fallen(plan, seen.members) or lagging(plan, stage, seen.members)) is not None:
        raise MoveRefused(behind)
