"""What divides an agent's runs between its releases, brought to the traffic record: by host."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from agent_runtime.checkpoints import CheckpointStore
from agent_runtime.hosts.queue import Queue
from agent_runtime.rollout.alias import AliasTraffic
from agent_runtime.rollout.queues import QueueTraffic
from agent_runtime.rollout.record import Record
from agent_runtime.rollout.store import State


@dataclass(frozen=True)
class Division:
    """`functions` is boto3's Lambda client, `queue` gives the queue of a URL, `checkpoints` the agent's runs,
    and `has_time` says whether another batch of messages may begin. Only what the host needs is asked for."""

    functions: Any
    queue: Callable[[str], Queue]
    checkpoints: Callable[[], CheckpointStore]
    has_time: Callable[[], bool]

    def apply(self, state: State, latest: Callable[[], Record]) -> None:
        """Raises `TrafficUnknown`, `RecordChanged`, `CheckpointUnavailable` and botocore's errors."""
        if state.plan.host == "ecs":
            QueueTraffic(self.checkpoints(), self.queue, self.has_time).apply(state, latest)
            return
        versions = {bundle: held["version"] for bundle, held in state.releases.items() if "version" in held}
        AliasTraffic(self.functions, state.plan.function_name, versions).apply(latest)
