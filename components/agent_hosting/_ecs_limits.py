"""What an agent on ECS may be asked for, checked before anything is made."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from agent_hosting._limits import check_agent
from agent_hosting._queue_limits import (
    HAND_BACK_SECONDS,
    HEARTBEATS_IN_VISIBILITY,
    QueueLimits,
    check_queue,
    oldest_run_seconds,
)
from agent_hosting._validation import Inputs

_MEMORY_MB: dict[int, list[int]] = {
    256: [512, 1024, 2048],
    512: list(range(1024, 4097, 1024)),
    1024: list(range(2048, 8193, 1024)),
    2048: list(range(4096, 16_385, 1024)),
    4096: list(range(8192, 30_721, 1024)),
    8192: list(range(16_384, 61_441, 4096)),
    16_384: list(range(32_768, 122_881, 8192)),
}
"""Memory by CPU units: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-cpu-memory-error.html"""


@dataclass(frozen=True)
class EcsLimits:
    queue: QueueLimits
    log_days: int
    stop_seconds: int
    oldest_run_seconds: int
    worker_concurrency: int
    max_workers: int
    runs_per_worker: float
    spot_share: float
    tenant_share: float
    cpu_units: int
    memory_mb: int

    @property
    def variables(self) -> dict[str, str]:
        """What a worker is told of them."""
        return {
            "AGENT_WORKER_CONCURRENCY": str(self.worker_concurrency),
            "AGENT_VISIBILITY_SECONDS": str(self.queue.visibility_seconds),
            "AGENT_STOP_SECONDS": str(self.stop_seconds),
            "AGENT_TENANT_SHARE": f"{self.tenant_share:g}",
        }


def check_ecs_limits(name: str, args: Any, inputs: Inputs, known: Iterable[str]) -> EcsLimits:
    """Checks what can be checked before anything is made, each time against the others."""
    log_days = check_agent(name, args, inputs, known)
    queue = check_queue(inputs)
    concurrency = int(
        inputs.number(
            "worker_concurrency", 4, least=1, most=100, way_out="More runs at once take more workers."
        )
    )
    cpu_units, memory_mb = _size(inputs)
    return EcsLimits(
        queue=queue,
        log_days=log_days,
        stop_seconds=_stop_seconds(inputs, queue),
        oldest_run_seconds=oldest_run_seconds(inputs, queue),
        worker_concurrency=concurrency,
        max_workers=int(
            inputs.number(
                "max_workers", 10, least=1, most=5000, way_out="ECS runs 5,000 tasks of a service at most."
            )
        ),
        runs_per_worker=inputs.number(
            "backlog_per_worker",
            concurrency,
            above=0,
            most=10_000,
            way_out="Omit it for as many as a worker runs at once.",
        ),
        spot_share=inputs.number("spot_share", 0, least=0, most=1, way_out="Write 50 % as 0.5."),
        tenant_share=inputs.number(
            "tenant_share", 0.5, above=0, most=1, way_out="1 lets one tenant fill a worker."
        ),
        cpu_units=cpu_units,
        memory_mb=memory_mb,
    )


def _stop_seconds(inputs: Inputs, queue: QueueLimits) -> int:
    """A worker that is told to stop goes on beating, so that its visibility does not bound the drain. It must
    beat once more, though, to learn whether it still owns what it is about to hand back.
    """
    stop = int(
        inputs.number(
            "stop_seconds",
            110,
            least=30,
            most=120,
            way_out="Fargate kills a task 120 s after it was told to stop, and Spot takes it then.",
        )
    )
    beat = queue.visibility_seconds / HEARTBEATS_IN_VISIBILITY
    if stop < beat + HAND_BACK_SECONDS:
        raise inputs.refuse(
            "stop_seconds",
            stop,
            f"it must hold one heartbeat ({beat:g} s, a third of visibility_seconds) and "
            f"{HAND_BACK_SECONDS} s to hand runs back",
            f"Give {beat + HAND_BACK_SECONDS:g}, or lower visibility_seconds.",
        )
    return stop


def _size(inputs: Inputs) -> tuple[int, int]:
    cpu = int(inputs.number("cpu_units", 256, least=256, most=16_384, way_out="1024 units are one vCPU."))
    if cpu not in _MEMORY_MB:
        sizes = ", ".join(map(str, _MEMORY_MB))
        raise inputs.refuse("cpu_units", cpu, f"Fargate has {sizes}", "1024 units are one vCPU.")
    fitting = _MEMORY_MB[cpu]
    memory = int(inputs.number("memory_mb", fitting[0], least=1, way_out="Give MB."))
    if memory not in fitting:
        few = len(fitting) <= 4
        step = fitting[1] - fitting[0]
        said = ", ".join(map(str, fitting)) if few else f"{fitting[0]} to {fitting[-1]} in steps of {step}"
        larger = next((c for c, sizes in _MEMORY_MB.items() if memory in sizes), None)
        way_out = f"For {memory} MB give cpu_units={larger}." if larger else "Take the next larger one."
        raise inputs.refuse(
            "memory_mb", memory, f"with {cpu} CPU units Fargate has {said} MB of memory", way_out
        )
    return cpu, memory
