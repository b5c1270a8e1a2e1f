"""The decision of one call of the controller: begin, advance, hold or go back. Pure, and one move at most."""

from agent_runtime.rollout.actions import Action, Decided, go_back, hold
from agent_runtime.rollout.advancing import next_of
from agent_runtime.rollout.groups import still_watched
from agent_runtime.rollout.lacking import lacking, may_try
from agent_runtime.rollout.observation import Observation
from agent_runtime.rollout.plan import Plan
from agent_runtime.rollout.record import Phase, Record
from agent_runtime.rollout.triggers import trigger


def decide(plan: Plan, record: Record, seen: Observation, now: int) -> Decided:
    """One move at most. `now` is in milliseconds since 1970."""
    if (reason := trigger(plan, record, seen)) is not None:
        if record.phase is Phase.WATCH and record.previous not in plan.releases:
            return hold(record, f"{reason}; there is no release before it to go back to")
        return go_back(plan, record, reason, now)
    watched = still_watched(plan, record, seen.members, now) if record.phase is Phase.WATCH else None
    if watched is not None:
        begun = _begun(plan, record, seen, now)
        # A newer release ends the watch of this one, and so does not before it is ready to go out.
        if begun is not None and lacking(plan, begun.record, seen) is None:
            return begun
        return hold(record, watched)
    if record.phase is Phase.WATCH:
        return Decided(Action.SETTLE, "nothing was seen in the time of watching", record.steady(now))
    if record.candidate_basis_points == 0 and (begun := _begun(plan, record, seen, now)) is not None:
        return begun
    if record.candidate is None:
        return hold(record, "the newest release serves everyone, or was sent back")
    if record.candidate_basis_points == 0 and record.candidate not in plan.releases:
        return Decided(Action.DROP, f"{record.candidate} is no longer deployed", record.dropped(now))
    return next_of(plan, record, seen, now)


def _begun(plan: Plan, record: Record, seen: Observation, now: int) -> Decided | None:
    """The newest release as candidate, where it is another one and was not sent back since its evidence."""
    newest = plan.releases[-1]
    if newest in (record.stable, record.candidate):
        return None
    if not may_try(record, newest, seen):
        return None
    return Decided(Action.BEGIN, f"{newest} is the newest release", record.begins(newest, now))
