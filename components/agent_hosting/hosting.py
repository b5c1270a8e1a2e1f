"""Chooses the host that fits how long runs last: rules in one pure function."""

from dataclasses import dataclass
from enum import Enum
from typing import NotRequired, TypedDict

TURN_SECONDS = 29
"""An HTTP API waits 30 s for its integration: https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html"""
LAMBDA_SECONDS = 870
"""Lambda ends a run at 900 s; 30 s are kept to save the last step: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"""
LAMBDA_RUNS_PER_MINUTE = 6000
"""1,000 concurrent executions, an account's default quota, at ten seconds a run."""


LAMBDA_MB = 10_240
"""https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"""
ECS_MB = 122_880
"""https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-cpu-memory-error.html"""


class Host(str, Enum):
    """Where an agent runs."""

    LAMBDA = "lambda"
    ECS = "ecs"
    EKS = "eks"


class RunProfile(TypedDict):
    longest_run_seconds: float
    """Longest that one run may take, in seconds."""
    keeps_state_in_memory: NotRequired[bool]
    """Whether a session's next run must find the memory of the last. Defaults to false."""
    peak_runs_per_minute: NotRequired[float]
    """Runs that begin in the busiest minute. Defaults to 60."""
    needs_file_system: NotRequired[bool]
    """Whether runs need files that outlive them. Defaults to false."""
    memory_mb: NotRequired[float]
    """Memory that a run needs, in MB. Defaults to what the least of each host has."""


@dataclass(frozen=True)
class Choice:
    host: Host
    reason: str


@dataclass(frozen=True)
class Misfit:
    """A host that cannot do what the profile asks."""

    field: str
    value: object
    limit: str
    fitting: Host


def choose(profile: RunProfile) -> Choice:
    """The cheapest host that does what `profile` asks, and why."""
    seconds = profile["longest_run_seconds"]
    if profile.get("keeps_state_in_memory"):
        return Choice(
            Host.EKS, "sessions keep state in memory between runs, which only a pod of their own does"
        )
    if profile.get("needs_file_system"):
        return Choice(Host.EKS, "runs need files that outlive them: a pod has a persistent volume")
    memory = profile.get("memory_mb", 0)
    if memory > ECS_MB:
        return Choice(Host.EKS, f"{memory:g} MB are more than a task on Fargate has ({ECS_MB} MB)")
    if memory > LAMBDA_MB:
        return Choice(Host.ECS, f"{memory:g} MB are more than a function has ({LAMBDA_MB} MB)")
    if seconds > TURN_SECONDS:
        return Choice(
            Host.ECS,
            f"a run of {seconds:g} s outlasts an HTTP call ({TURN_SECONDS} s): it goes through a queue",
        )
    peak = profile.get("peak_runs_per_minute", 60)
    if peak * seconds / 10 > LAMBDA_RUNS_PER_MINUTE:
        return Choice(
            Host.ECS,
            f"{peak:g} runs a minute of {seconds:g} s pass Lambda's default concurrency: a queue "
            f"smooths them",
        )
    return Choice(
        Host.LAMBDA, f"turns of up to {seconds:g} s answer within one HTTP call, and idle time costs nothing"
    )


def misfit(host: Host, profile: RunProfile) -> Misfit | None:
    """Why `host` is impossible for `profile`; None when it will do, be it dearer than the chosen one."""
    seconds, fitting = profile["longest_run_seconds"], choose(profile).host
    if host is Host.EKS:
        return None
    if profile.get("keeps_state_in_memory"):
        return Misfit("keeps_state_in_memory", True, f"{host.value} forgets its memory between runs", fitting)
    if profile.get("needs_file_system"):
        return Misfit("needs_file_system", True, f"{host.value} has no files that outlive a run", fitting)
    memory, most = profile.get("memory_mb", 0), {Host.LAMBDA: LAMBDA_MB, Host.ECS: ECS_MB}[host]
    if memory > most:
        return Misfit("memory_mb", memory, f"{host.value} has {most} MB at most", fitting)
    if host is Host.LAMBDA and seconds > LAMBDA_SECONDS:
        return Misfit(
            "longest_run_seconds", seconds, f"Lambda takes runs of {LAMBDA_SECONDS} s at most", fitting
        )
    return None
