"""What moto's ECS lacks of the API of services and their tasks."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Protocol

from moto.core.responses import ActionResult
from moto.ec2.models.elastic_network_interfaces import NetworkInterface
from moto.ecs.exceptions import InvalidParameterException
from moto.ecs.models import EC2ContainerServiceBackend, Service, Task
from moto.ecs.responses import EC2ContainerServiceResponse

from embedded_aws.patches import replace
from embedded_aws.tasks.record import ServiceTask

_DEFAULT_MINUTES, _MOST_MINUTES = 120, 2880
"""https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_UpdateTaskProtection.html"""


class Owner(Protocol):
    """Who runs the tasks."""

    def updating(
        self, backend: EC2ContainerServiceBackend, change: Callable[[], Service], *, force: bool
    ) -> Service: ...
    def deleted(self, service: Service) -> None: ...
    def stop(self, task: ServiceTask, reason: str) -> None: ...
    def wake(self) -> None: ...
    def now(self) -> float: ...


def install(owner: Owner) -> Callable[[], None]:
    """Lets `owner` follow every change of a service; call the result to undo it."""
    create, update, delete = (
        EC2ContainerServiceResponse.create_service,
        EC2ContainerServiceBackend.update_service,
        EC2ContainerServiceBackend.delete_service,
    )
    list_tasks, stop_task = EC2ContainerServiceBackend.list_tasks, EC2ContainerServiceBackend.stop_task

    def created(response: EC2ContainerServiceResponse) -> ActionResult:
        """moto keeps a deployment configuration only when it is updated."""
        said = create(response)
        result: Any = said.result
        result["service"].deployment_configuration = response._get_param("deploymentConfiguration") or {}
        owner.wake()
        return said

    def updated(backend: EC2ContainerServiceBackend, properties: dict[str, Any]) -> Service:
        given = {name: value for name, value in properties.items() if name != "force_new_deployment"}
        force = bool(properties.get("force_new_deployment"))
        return owner.updating(backend, lambda: update(backend, given), force=force)

    def deleted(backend: EC2ContainerServiceBackend, cluster: str, name: str, force: bool) -> Service:
        service = delete(backend, cluster, name, force)
        owner.deleted(service)
        return service

    def listed(
        backend: EC2ContainerServiceBackend,
        cluster_str: str | None = None,
        container_instance: str | None = None,
        family: str | None = None,
        started_by: str | None = None,
        service_name: str | None = None,
        desiredStatus: str | None = None,  # noqa: N803 - moto calls it so
    ) -> list[Task]:
        """AWS lists running tasks where no status is asked for."""
        status = desiredStatus or "RUNNING"
        found = list_tasks(backend, cluster_str, container_instance, family, started_by, None, status)
        group = f"service:{(service_name or '').rsplit('/', 1)[-1]}"
        return [task for task in found if not service_name or task.group == group]

    def stopped(backend: EC2ContainerServiceBackend, cluster_str: str, task_str: str, reason: str) -> Task:
        task = _task(backend, task_str)
        if task is None:
            return stop_task(backend, cluster_str, task_str, reason)
        owner.stop(task, reason or "Task stopped by user")
        return task

    def protect(response: EC2ContainerServiceResponse) -> ActionResult:
        minutes = response._get_param("expiresInMinutes")
        given = _DEFAULT_MINUTES if minutes is None else int(minutes)
        if not 1 <= given <= _MOST_MINUTES:
            raise InvalidParameterException(f"expiresInMinutes must be between 1 and {_MOST_MINUTES}.")
        until = owner.now() + 60 * given if response._get_param("protectionEnabled") else None
        named: Sequence[str] = response._get_param("tasks") or []
        for task in (_task(response.ecs_backend, one) for one in named):
            if task is not None:
                task.protected_until = until
        owner.wake()
        return _protections(response.ecs_backend, named, owner.now())

    def protection(response: EC2ContainerServiceResponse) -> ActionResult:
        return _protections(response.ecs_backend, response._get_param("tasks") or [], owner.now())

    return replace(
        [
            (EC2ContainerServiceResponse, "create_service", created),
            (EC2ContainerServiceResponse, "update_task_protection", protect),
            (EC2ContainerServiceResponse, "get_task_protection", protection),
            (EC2ContainerServiceBackend, "update_service", updated),
            (EC2ContainerServiceBackend, "delete_service", deleted),
            (EC2ContainerServiceBackend, "list_tasks", listed),
            (EC2ContainerServiceBackend, "stop_task", stopped),
            # moto's task reads the name, which its interfaces have only in a VPC with DNS host names.
            (NetworkInterface, "private_dns_name", None),
        ]
    )


def _task(backend: EC2ContainerServiceBackend, named: str) -> ServiceTask | None:
    """By its ARN or id."""
    wanted = named.rsplit("/", 1)[-1]
    found = (task for held in backend.tasks.values() for task in held.values() if task.id == wanted)
    return next((task for task in found if isinstance(task, ServiceTask)), None)


def _protections(backend: EC2ContainerServiceBackend, named: Sequence[str], now: float) -> ActionResult:
    protected: list[dict[str, Any]] = []
    failures: list[dict[str, str]] = []
    for one in named:
        task = _task(backend, one)
        if task is None:
            failures.append({"arn": one, "reason": "TASK_NOT_VALID"})
            continue
        is_protected = task.is_protected(now)
        ends = (
            {"expirationDate": datetime.fromtimestamp(task.protected_until or 0, UTC)} if is_protected else {}
        )
        protected.append({"taskArn": task.task_arn, "protectionEnabled": is_protected, **ends})
    return ActionResult({"protectedTasks": protected, "failures": failures})
