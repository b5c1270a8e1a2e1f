"""What divides an agent's runs between its releases, brought to the traffic record: by host."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from agent_runtime.checkpoints import CheckpointStore
from agent_runtime.hosts.queue import Queue
from agent_runtime.kubernetes_api import KubernetesApi
from agent_runtime.rollout.alias import AliasTraffic
from agent_runtime.rollout.http_route import HttpRouteTraffic
from agent_runtime.rollout.plan import QUEUED, Place
from agent_runtime.rollout.queues import QueueTraffic
from agent_runtime.rollout.record import Record
from agent_runtime.rollout.store import State


@dataclass(frozen=True)
class Division:
    """`functions` is boto3's Lambda client, `cluster` gives the API of a route's cluster, `queue` the queue
    of a URL, `checkpoints` the agent's runs, and `has_time` says whether another batch of messages may begin.
    Only what the host needs is asked for."""

    functions: Any
    cluster: Callable[[Place], KubernetesApi]
    queue: Callable[[str], Queue]
    checkpoints: Callable[[], CheckpointStore]
    has_time: Callable[[], bool]

    def apply(self, state: State, latest: Callable[[], Record]) -> None:
        """Raises `TrafficUnknown`, `RecordChanged`, `CheckpointUnavailable` and botocore's errors."""
        if state.plan.host in QUEUED:
            # Calls first: each that still reaches a bad release is one more run to take away from it.
            if (route := state.plan.http_route) is not None:
                services = services_of(state)
                HttpRouteTraffic(self.cluster(route), route, services).apply(latest)
            QueueTraffic(self.checkpoints(), self.queue, self.has_time).apply(state, latest)
            return
        versions = {bundle: held["version"] for bundle, held in state.releases.items() if "version" in held}
        AliasTraffic(self.functions, state.plan.function_name, versions).apply(latest)


def services_of(state: State) -> dict[str, str]:
    """Service of each release on EKS, by bundle id."""
    named = {key.removesuffix("#eks"): held for key, held in state.releases.items() if key.endswith("#eks")}
    return {bundle: held["service"] for bundle, held in named.items() if "service" in held}
