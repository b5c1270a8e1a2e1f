"""What an agent on EKS may be asked for, checked before anything is made."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from ipaddress import ip_network
from typing import Any, NotRequired, TypedDict

from agent_hosting._limits import check_agent
from agent_hosting._queue_limits import (
    HAND_BACK_SECONDS,
    HEARTBEATS_IN_VISIBILITY,
    QueueLimits,
    check_queue,
    oldest_run_seconds,
)
from agent_hosting._validation import Inputs

TURN_SECONDS = 29
ACTIVE_SECONDS = 300
_DAY = 86_400
_HOST = re.compile(
    r"(?=.{1,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*"
)
_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


class Workload(str, Enum):
    """What keeps the pods of a release."""

    STATEFUL_SET = "stateful_set"
    """Pods with names and disks of their own."""
    SANDBOX = "sandbox"
    """One pod with its disk, kept by the operator agent-sandbox."""
    ROLLOUT = "rollout"
    """Pods without disks, replaced step by step by Argo Rollouts."""


class DestinationArgs(TypedDict):
    cidr_block: str
    """Addresses, such as 203.0.113.0/24: network policies know no names."""
    port: NotRequired[int]
    """TCP port. Defaults to 443."""


class GatewayArgs(TypedDict):
    name: str
    """Gateway that the route joins."""
    namespace: NotRequired[str]
    """Its namespace. Defaults to the agent's own."""
    proxies_namespace: NotRequired[str]
    """Namespace of the pods behind it, which may call the agent's. Defaults to `envoy-gateway-system`."""
    hostnames: NotRequired[Sequence[str]]
    """Host names that lead to the agent. Defaults to all of the gateway's."""


@dataclass(frozen=True)
class EksLimits:
    queue: QueueLimits
    log_days: int
    stop_seconds: int
    oldest_run_seconds: int
    turn_seconds: int
    concurrency: int
    min_pods: int
    max_pods: int
    sessions_per_pod: float
    idle_seconds: int
    cpu_millicores: int
    memory_mb: int
    volume_gb: int
    tenant_share: float

    @property
    def variables(self) -> dict[str, str]:
        """What a pod is told of them."""
        return {
            "AGENT_WORKER_CONCURRENCY": str(self.concurrency),
            "AGENT_VISIBILITY_SECONDS": str(self.queue.visibility_seconds),
            "AGENT_STOP_SECONDS": str(self.stop_seconds),
            "AGENT_TENANT_SHARE": f"{self.tenant_share:g}",
            "AGENT_TURN_TIMEOUT_SECONDS": str(self.turn_seconds),
            "AGENT_MAX_RECEIVES": str(self.queue.max_receives),
            # Pods are sized for sessions that talk: those of five minutes, or of less where that is idle.
            "AGENT_ACTIVE_SECONDS": str(max(1, min(ACTIVE_SECONDS, self.idle_seconds))),
        }


def check_eks_limits(name: str, args: Any, inputs: Inputs, known: Iterable[str]) -> EksLimits:
    """Checks what can be checked before anything is made, each time against the others."""
    log_days = check_agent(name, args, inputs, known)
    queue = check_queue(inputs)
    _check_destinations(args.get("destinations") or (), inputs)
    _check_gateway(args.get("gateway"), inputs)
    if args.get("namespace") is not None:
        check_namespace(inputs, "namespace", args["namespace"])
    workload = inputs.one_of("workload", Workload, "Omit it for a StatefulSet.") or Workload.STATEFUL_SET
    least, most = _pods(inputs, workload)
    concurrency = int(
        inputs.number("pod_concurrency", 4, least=1, most=100, way_out="More runs at once take more pods.")
    )
    return EksLimits(
        queue=queue,
        log_days=log_days,
        stop_seconds=_stop_seconds(inputs, queue),
        oldest_run_seconds=oldest_run_seconds(inputs, queue),
        turn_seconds=int(
            inputs.number(
                "turn_timeout_seconds",
                TURN_SECONDS,
                least=1,
                most=300,
                way_out="A caller that waits longer had better ask for the run's state: it goes on.",
            )
        ),
        concurrency=concurrency,
        min_pods=least,
        max_pods=most,
        sessions_per_pod=inputs.number(
            "sessions_per_pod", 20, above=0, most=10_000, way_out="Sessions with a turn in five minutes."
        ),
        idle_seconds=int(
            inputs.number(
                "idle_seconds", 300, least=0, most=_DAY, way_out="After that long without work pods go."
            )
        ),
        cpu_millicores=int(
            inputs.number("cpu_millicores", 250, least=10, most=96_000, way_out="1000 are one vCPU.")
        ),
        memory_mb=int(inputs.number("memory_mb", 512, least=64, most=393_216, way_out="Give MB.")),
        volume_gb=_volume(inputs, workload),
        tenant_share=inputs.number(
            "tenant_share", 0.5, above=0, most=1, way_out="1 lets one tenant fill a pod."
        ),
    )


def _pods(inputs: Inputs, workload: Workload) -> tuple[int, int]:
    is_single = workload is Workload.SANDBOX
    most = int(
        inputs.number(
            "max_pods",
            1 if is_single else 10,
            least=1,
            most=1 if is_single else 1000,
            way_out="A sandbox is one pod; a StatefulSet or a Rollout has as many as you like.",
        )
    )
    least = int(
        inputs.number(
            "min_pods", 1, least=0, most=most, way_out="0 lets an idle agent cost nothing but its disk."
        )
    )
    return least, most


def _volume(inputs: Inputs, workload: Workload) -> int:
    is_rollout = workload is Workload.ROLLOUT
    return int(
        inputs.number(
            "volume_gb",
            0 if is_rollout else 1,
            least=0,
            most=0 if is_rollout else 16_384,
            way_out="A Rollout's pods have no disk of their own: use a StatefulSet."
            if is_rollout
            else "A volume of gp3 has 1 to 16384 GiB; 0 makes none.",
        )
    )


def _stop_seconds(inputs: Inputs, queue: QueueLimits) -> int:
    """A pod that is told to stop finishes its step: Kubernetes kills it after that time."""
    longest_step = inputs.number(
        "longest_step_seconds", 60, above=0, most=3600, way_out="A longer step had better be two."
    )
    beat = queue.visibility_seconds / HEARTBEATS_IN_VISIBILITY
    return int(max(longest_step, beat)) + HAND_BACK_SECONDS


def check_namespace(inputs: Inputs, field: str, value: object) -> None:
    """That agents may live in the namespace `value`."""
    if not isinstance(value, str) or not _LABEL.fullmatch(value):
        raise inputs.refuse(
            field,
            value,
            "a namespace is 1 to 63 lower-case letters, digits and dashes",
            "Write one such as 'agents'.",
        )
    if value.startswith("kube-") or value == "default":
        raise inputs.refuse(field, value, "it belongs to the cluster itself", "Choose one such as 'agents'.")


def check_block(inputs: Inputs, field: str, value: object) -> None:
    try:
        ip_network(value)  # type: ignore[arg-type]
    except ValueError:
        raise inputs.refuse(field, value, "that is no block of addresses", "Write 203.0.113.0/24.") from None


def _check_destinations(given: Sequence[Mapping[str, Any]], inputs: Inputs) -> None:
    for index, destination in enumerate(given):
        where = f"destinations[{index}]"
        try:
            ip_network(destination["cidr_block"])
        except (KeyError, TypeError, ValueError):
            raise inputs.refuse(
                where, destination, "a destination is a block of addresses", "Write 203.0.113.0/24."
            ) from None
        for field in destination:
            if field not in DestinationArgs.__annotations__:
                raise inputs.refuse(
                    f"{where}.{field}",
                    destination[field],
                    "there is no such field",
                    "Known: cidr_block, port.",
                )
        port = destination.get("port", 443)
        if not isinstance(port, int) or not 1 <= port <= 65_535:
            raise inputs.refuse(f"{where}.port", port, "a port is 1 to 65535", "Omit it for 443.")


def _check_gateway(gateway: Any, inputs: Inputs) -> None:
    if gateway is None:
        return
    given = inputs.inside("gateway")
    given.known(GatewayArgs.__annotations__)
    for field in ("name", "namespace", "proxies_namespace"):
        value = gateway.get(field)
        if (field == "name" or value is not None) and not (
            isinstance(value, str) and _LABEL.fullmatch(value)
        ):
            raise given.refuse(field, value, "that is no name of Kubernetes", "Name the Gateway.")
    for host in gateway.get("hostnames") or ():
        if not _HOST.fullmatch(host.removeprefix("*.")):
            raise given.refuse("hostnames", host, "that is no host name", "Write agents.example.com.")
