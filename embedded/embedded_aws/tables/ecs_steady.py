"""Amazon ECS: waiting for a service, as `waitForSteadyState` has it and as a deletion needs it."""

import time
from collections.abc import Iterator
from typing import Any

from embedded_aws.provider.rows import Client, Unsettled
from embedded_aws.provider.values import Properties

STEADY_SECONDS = 120.0
"""The official provider waits 20 minutes, for machines that have yet to start; processes take seconds."""
_DRAINED_SECONDS = 130.0
"""The longest stopTimeout of Fargate, and a little more."""
_PAUSE_SECONDS = 0.1
_STEADY = ("desiredCount", "runningCount")


def until_steady(client: Client, _service: str, properties: Properties) -> None:
    """Waits until the deployment that the properties ask for is complete; raises Unsettled where it fails or
    is rolled back, with what its last task said."""
    if not properties.get("waitForSteadyState"):
        return
    wanted, reason = str(properties["taskDefinition"]), ""
    for held in _seen(client, properties["cluster"], properties["arn"], STEADY_SECONDS):
        primary = next((d for d in held["deployments"] if d["status"] == "PRIMARY"), None)
        if primary is None:
            return
        failed = next((d for d in held["deployments"] if d["rolloutState"] == "FAILED"), None)
        reason = failed["rolloutStateReason"] if failed else reason or primary["rolloutStateReason"]
        if primary["rolloutState"] == "FAILED" or not _names(wanted, primary["taskDefinition"]):
            raise Unsettled(_worded(client, held, wanted, reason))
        desired, running = (held[name] for name in _STEADY)
        if primary["rolloutState"] == "COMPLETED" and len(held["deployments"]) == 1 and desired == running:
            return
    raise Unsettled(
        f"the service {properties['arn']} has not reached a steady state within {STEADY_SECONDS:.0f} s. "
        f"{reason}{_last_task(client, properties['cluster'], properties['arn'], wanted)}"
    )


def until_drained(client: Client, cluster: str, service: str) -> None:
    """Waits until the tasks of a deleted service are gone, as the official provider does: what they work
    with is deleted next."""
    for held in _seen(client, cluster, service, _DRAINED_SECONDS):
        if held["status"] == "INACTIVE":
            return
    raise Unsettled(f"the tasks of {service} have not stopped within {_DRAINED_SECONDS:.0f} s")


def _seen(client: Client, cluster: str, service: str, seconds: float) -> Iterator[Any]:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        yield client.describe_services(cluster=cluster, services=[service])["services"][0]
        time.sleep(_PAUSE_SECONDS)


def _names(given: str, arn: str) -> bool:
    """A program may say an ARN, FAMILY:REVISION or FAMILY."""
    return given in (arn, arn.rsplit("/", 1)[-1], arn.rsplit("/", 1)[-1].rsplit(":", 1)[0])


def _worded(client: Client, held: Any, wanted: str, reason: str) -> str:
    said = [event["message"] for event in held["events"] if "deployment failed" in event["message"]]
    return f"{said[0] if said else held['serviceArn']} {reason}" + _last_task(
        client, held["clusterArn"], held["serviceArn"], wanted
    )


def _last_task(client: Client, cluster: str, service: str, wanted: str) -> str:
    """What the task that stopped last, of this task definition, leaves to read."""
    arns = client.list_tasks(cluster=cluster, serviceName=service, desiredStatus="STOPPED")["taskArns"]
    held = client.describe_tasks(cluster=cluster, tasks=arns)["tasks"] if arns else []
    stopped = [t for t in held if t.get("stoppedAt") and _names(wanted, t["taskDefinitionArn"])]
    if not stopped:
        return ""
    last = max(stopped, key=lambda task: task["stoppedAt"])
    lines = [f"\nLast task {last['taskArn'].rsplit('/', 1)[-1]}: {last['stoppedReason']}"]
    for container in last["containers"]:
        if "exitCode" in container:
            lines.append(f"container {container['name']} ended with exit code {container['exitCode']}")
        if container.get("reason"):
            lines.append(container["reason"])
    return "\n".join(lines)
