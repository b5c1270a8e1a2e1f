"""The function that moves an agent's traffic: called each minute, and by an alarm at once."""

import os
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from agent_runtime.checkpoints import CheckpointStore
from agent_runtime.hosts.clients import client_of, lazily, store_of, trail_of
from agent_runtime.hosts.http import LambdaContext
from agent_runtime.hosts.queue import Queue
from agent_runtime.kubernetes_api import KubernetesApi
from agent_runtime.rollout.actions import Decided
from agent_runtime.rollout.argo import followed, read_walk
from agent_runtime.rollout.controller import Controller
from agent_runtime.rollout.copying import AT_ONCE, Copier, through_call, through_queue
from agent_runtime.rollout.decide import decide
from agent_runtime.rollout.division import Division
from agent_runtime.rollout.drift_watch import tell_of_drift
from agent_runtime.rollout.http_route import cluster_of
from agent_runtime.rollout.observing import observe
from agent_runtime.rollout.plan import QUEUED, Place
from agent_runtime.rollout.store import RolloutStore, State
from agent_runtime.samples import SampleStore
from agent_runtime.settings import TableSettings

MARGIN_SECONDS: Final = 10.0
"""Left of the function's time when it begins no further batch of messages."""


class Copies:
    """Begins copies of runs for a candidate; `plan.host` says how."""

    def __init__(self, store: CheckpointStore, functions: Any, queue: Callable[[str], Queue]) -> None:
        self._store, self._functions, self._queue = store, functions, queue

    def begin(self, state: State, most: int) -> None:
        """Begin up to `most`. Raises `CheckpointUnavailable` and botocore's errors."""
        is_queued = state.plan.host in QUEUED
        start = through_queue(self._store, self._queue) if is_queued else through_call(self._functions)
        samples = SampleStore(self._store.table, self._store.heads.agent)
        at_once = AT_ONCE[state.plan.host]
        Copier(self._store, lambda most: samples.since(most=most), start, at_once).begin(state, most)


def handler(_event: Mapping[str, Any], context: LambdaContext) -> dict[str, str]:
    """The function's handler: `agent_runtime.hosts.controller.handler`. Returns `{action, reason}`."""
    from agent_runtime.logs import log_to

    log_to(sys.stdout)
    settings = TableSettings.from_environment(os.environ)
    dynamodb, cloudwatch = client_of("dynamodb"), lazily("cloudwatch")
    functions, sqs, checkpoints = lazily("lambda"), lazily("sqs"), store_of(settings, dynamodb)

    def queue(url: str) -> Queue:
        return Queue(sqs, url)

    def cluster(route: Place) -> KubernetesApi:
        return cluster_of(route, client_of("sts"))

    def has_time() -> bool:
        return context.get_remaining_time_in_millis() / 1000 > MARGIN_SECONDS

    store = RolloutStore(dynamodb, settings.control_table)

    def next_move(state: State, now: float) -> Decided:
        if (rollout := state.plan.argo_rollout) is not None:
            return followed(state.record, read_walk(cluster(rollout), rollout), int(now * 1000))
        seen = observe(cloudwatch, store, state, now)
        return decide(state.plan, state.record, seen, int(now * 1000))

    made = Controller(
        store,
        next_move,
        Division(functions, cluster, queue, lambda: checkpoints, has_time),
        Copies(checkpoints, functions, queue).begin,
        time.time,
        trail_of(settings, dynamodb, "controller"),
    ).run(settings.agent_name)
    tell_of_drift(store, cloudwatch, settings.agent_name, time.time(), sys.stdout)
    return {"action": made.action.value, "reason": made.reason}
