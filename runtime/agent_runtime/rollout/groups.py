"""Agents that advance together and fall back together, each after those that it calls: pure."""

from collections.abc import Mapping, Sequence

from agent_runtime.rollout.observation import THROUGH, Member
from agent_runtime.rollout.plan import Plan
from agent_runtime.rollout.record import Phase, Record


def member_of(plan: Plan, record: Record) -> Member:
    """How far an agent is with its newest release."""
    newest = plan.releases[-1]
    ends = watch_ends(plan, record) if record.phase is Phase.WATCH else 0
    return Member(stage_of(record, newest), newest in record.rejected, ends)


def watch_ends(plan: Plan, record: Record) -> int:
    """When the watch of a record is over, in milliseconds since 1970."""
    return int(record.since + plan.watch_seconds * 1000)


def still_watched(plan: Plan, record: Record, members: Mapping[str, Member], now: int) -> str | None:
    """Why the watch goes on: the group's ends together, or one that goes back would leave the others."""
    last = max([watch_ends(plan, record), *(member.watched_until for member in members.values())])
    if now < last:
        return "the release is watched"
    return lagging(plan, THROUGH - 1, members)


def stage_of(record: Record, bundle_id: str) -> int:
    """0 before the first step, then the number of the step; `THROUGH` once it serves everyone."""
    if record.stable == bundle_id:
        return THROUGH
    return record.step + 1 if record.candidate == bundle_id and record.phase is Phase.CANARY else 0


def fallen(plan: Plan, members: Mapping[str, Member]) -> str | None:
    """Why the whole group goes back."""
    back = [name for name in _others(plan) if name in members and members[name].fell_back]
    return f"{', '.join(back)} went back, and the group with it" if back else None


def lagging(plan: Plan, stage: int, members: Mapping[str, Member]) -> str | None:
    """Why this agent may not leave `stage` for the next one: what it calls must be there already, and what
    calls it must not be behind. What cannot be read is behind."""
    place = plan.group.index(plan.agent) if plan.group else 0
    for number, name in enumerate(plan.group):
        if name == plan.agent:
            continue
        needed = stage + 1 if number < place else stage
        if name not in members:
            return f"nothing is known of {name}, which is in its group"
        if members[name].stage < needed:
            return f"waits for {name}, which is in its group"
    return None


def _others(plan: Plan) -> Sequence[str]:
    return [name for name in plan.group if name != plan.agent]
