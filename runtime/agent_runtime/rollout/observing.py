"""Puts together what the controller has to know of an agent's releases."""

import logging
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from agent_runtime.errors import TrafficUnknown
from agent_runtime.rollout.groups import member_of
from agent_runtime.rollout.measuring import Metrics, alarming
from agent_runtime.rollout.observation import Member, Observation
from agent_runtime.rollout.plan import Plan
from agent_runtime.rollout.record import Phase
from agent_runtime.rollout.store import RolloutStore, State

_log = logging.getLogger("agent_runtime.rollout.observing")


def observe(cloudwatch: Any, store: RolloutStore, state: State, now: float) -> Observation:
    """`now` is in seconds since 1970. What cannot be read is missing, and then nothing advances."""
    plan, record = state.plan, state.record
    members = _members(store, plan)
    metrics = Metrics(cloudwatch, plan.agent, plan.scores)
    watched = record.watched
    if watched is None:
        return Observation(evidence=state.evidence, members=members)
    since = record.since / 1000
    beside = record.previous if record.watched == record.stable else record.stable
    recent = metrics.seen(watched, max(since, now - plan.limits.window_seconds), now)
    try:
        alarms = alarming(cloudwatch, plan.alarms.get(watched, ()))
    except (ClientError, BotoCoreError) as error:
        _log.warning("alarms not read", extra={"agent": plan.agent}, exc_info=error)
        return Observation(recent=recent, evidence=state.evidence, members=members)
    return Observation(
        recent=recent,
        candidate=metrics.seen(watched, since, now),
        stable=metrics.seen(beside, since, now) if beside is not None else None,
        alarms=alarms,
        evidence=state.evidence,
        shadowed=metrics.shadowed(watched, since, now) if record.phase is Phase.SHADOW else None,
        members=members,
    )


def _members(store: RolloutStore, plan: Plan) -> dict[str, Member]:
    """The other agents of the group, without those that cannot be read."""
    found: dict[str, Member] = {}
    for name in plan.group:
        if name == plan.agent:
            continue
        try:
            state = store.read(name)
        except TrafficUnknown as error:
            _log.warning("member of the group not read", extra={"member": name}, exc_info=error)
            continue
        found[name] = member_of(state.plan, state.record)
    return found
