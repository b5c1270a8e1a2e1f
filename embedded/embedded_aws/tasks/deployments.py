"""The deployments of a service, as moto's record of it lists them.

https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Deployment.html
"""

import math
import secrets
from typing import Any

from moto.core.utils import utcnow
from moto.ecs.models import Service

Deployment = dict[str, Any]
_FEWEST_FAILURES, _MOST_FAILURES = 3, 200


def failure_threshold(desired: int) -> int:
    """https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-circuit-breaker.html"""
    return max(_FEWEST_FAILURES, min(_MOST_FAILURES, math.ceil(desired / 2)))


def primary(service: Service) -> Deployment:
    held: list[Deployment] = service.deployments  # type: ignore[assignment] # pyright: ignore
    return next(one for one in held if one["status"] == "PRIMARY")


def begin(service: Service) -> None:
    """A new PRIMARY deployment of the service's task definition; what is left of failed ones is dropped."""
    before = primary(service)
    before["status"] = "ACTIVE"
    now, number = utcnow(), 10**18 + secrets.randbelow(9 * 10**18)
    made = {
        **before,
        "id": f"ecs-svc/{number}",
        "status": "PRIMARY",
        "taskDefinition": service.task_definition,
        "networkConfiguration": service.network_configuration,
        "createdAt": now,
        "updatedAt": now,
        **dict.fromkeys(("runningCount", "pendingCount", "failedTasks"), 0),
        "rolloutState": "IN_PROGRESS",
        "rolloutStateReason": f"ECS deployment ecs-svc/{number} in progress.",
    }
    kept = [one for one in service.deployments if one["rolloutState"] != "FAILED"]
    service.deployments = [made, *kept]


def complete(service: Service) -> None:
    """The service is steady: the tasks of all other deployments are gone."""
    done = primary(service)
    _roll(done, "COMPLETED", f"ECS deployment {done['id']} completed.")
    service.deployments = [done]


def fail(service: Service, *, roll_back: bool) -> Deployment | None:
    """The PRIMARY deployment has failed. Gives the last completed one, now PRIMARY, where it rolls back."""
    failed = primary(service)
    completed: list[Any] = [one for one in service.deployments if one["rolloutState"] == "COMPLETED"]
    if not roll_back or not completed:
        _roll(failed, "FAILED", "ECS deployment circuit breaker: tasks failed to start.")
        return None
    back = completed[0]
    reason = f"ECS deployment circuit breaker: rolling back to deploymentId {back['id']}."
    _roll(failed, "FAILED", reason)
    failed["status"], back["status"] = "ACTIVE", "PRIMARY"
    _roll(back, "IN_PROGRESS", f"ECS deployment {back['id']} in progress.")
    service.task_definition = back["taskDefinition"]
    service.deployments = [back, *(one for one in service.deployments if one is not back)]
    return back


def _roll(deployment: Deployment, state: str, reason: str) -> None:
    deployment |= {"rolloutState": state, "rolloutStateReason": reason, "updatedAt": utcnow()}
