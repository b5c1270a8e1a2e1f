"""The function that moves an agent's traffic: called each minute, and by an alarm at once."""

import os
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from agent_runtime.hosts.clients import client_of, lazily, store_of
from agent_runtime.hosts.http import LambdaContext
from agent_runtime.hosts.queue import Queue
from agent_runtime.rollout.alias import AliasTraffic
from agent_runtime.rollout.controller import Controller
from agent_runtime.rollout.copying import AT_ONCE, Copier, through_call, through_queue
from agent_runtime.rollout.drift_watch import tell_of_drift
from agent_runtime.rollout.observing import observe
from agent_runtime.rollout.queues import QueueTraffic
from agent_runtime.rollout.record import Record
from agent_runtime.rollout.store import RolloutStore, State
from agent_runtime.samples import SampleStore
from agent_runtime.settings import TableSettings

MARGIN_SECONDS: Final = 10.0
"""Left of the function's time when it begins no further batch of messages."""


class Hosts:
    """Applies a record to whatever divides the agent's runs; `plan.host` says what that is."""

    def __init__(self, settings: TableSettings, dynamodb: Any, has_time: Callable[[], bool]) -> None:
        self._functions, self._sqs = lazily("lambda"), lazily("sqs")
        self._store = store_of(settings, dynamodb)
        self._queues = QueueTraffic(self._store, self._queue, has_time)

    def apply(self, state: State, latest: Callable[[], Record]) -> None:
        """Raises `TrafficUnknown`, `RecordChanged`, `CheckpointUnavailable` and botocore's errors."""
        if state.plan.host == "ecs":
            self._queues.apply(state, latest)
            return
        versions = {bundle: held["version"] for bundle, held in state.releases.items() if "version" in held}
        AliasTraffic(self._functions, state.plan.function_name, versions).apply(latest)

    def copy(self, state: State, most: int) -> None:
        """Begin copies of runs for the candidate. Raises `CheckpointUnavailable` and botocore's errors."""
        is_ecs = state.plan.host == "ecs"
        start = through_queue(self._store, self._queue) if is_ecs else through_call(self._functions)
        samples = SampleStore(self._store.table, self._store.heads.agent)
        at_once = AT_ONCE[state.plan.host]
        Copier(self._store, lambda most: samples.since(most=most), start, at_once).begin(state, most)

    def _queue(self, url: str) -> Queue:
        return Queue(self._sqs, url)


def handler(_event: Mapping[str, Any], context: LambdaContext) -> dict[str, str]:
    """The function's handler: `agent_runtime.hosts.controller.handler`. Returns `{action, reason}`."""
    from agent_runtime.logs import log_to

    log_to(sys.stdout)
    settings = TableSettings.from_environment(os.environ)
    dynamodb, cloudwatch = client_of("dynamodb"), lazily("cloudwatch")
    hosts = Hosts(settings, dynamodb, lambda: context.get_remaining_time_in_millis() / 1000 > MARGIN_SECONDS)
    store = RolloutStore(dynamodb, settings.control_table)
    made = Controller(
        store,
        lambda state, now: observe(cloudwatch, store, state, now),
        hosts,
        hosts.copy,
        time.time,
    ).run(settings.agent_name)
    tell_of_drift(store, cloudwatch, settings.agent_name, time.time(), sys.stdout)
    return {"action": made.action.value, "reason": made.reason}
