"""Puts together what the controller has to know of an agent's releases."""

from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from agent_runtime.rollout.measuring import Metrics, alarming
from agent_runtime.rollout.observation import Observation
from agent_runtime.rollout.store import State


def observe(cloudwatch: Any, state: State, now: float) -> Observation:
    """`now` is in seconds since 1970. What cannot be read is None, and then nothing advances."""
    plan, record = state.plan, state.record
    metrics = Metrics(cloudwatch, plan.agent, plan.scores)
    watched = record.watched
    if watched is None:
        return Observation(evidence=state.evidence)
    since = record.since / 1000
    beside = record.previous if record.watched == record.stable else record.stable
    try:
        alarms = alarming(cloudwatch, plan.alarms.get(watched, ()))
    except (ClientError, BotoCoreError):
        return Observation(evidence=state.evidence)
    return Observation(
        recent=metrics.seen(watched, max(since, now - plan.limits.window_seconds), now),
        candidate=metrics.seen(watched, since, now),
        stable=metrics.seen(beside, since, now) if beside is not None else None,
        alarms=alarms,
        evidence=state.evidence,
    )
