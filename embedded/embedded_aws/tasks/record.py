"""A service's task as DescribeTasks shows it: moto's record of it, written by what runs."""

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from moto.core.utils import utcnow
from moto.ec2.models import ec2_backends
from moto.ecs.models import EC2ContainerServiceBackend, Service, Task, TaskDefinition

_REASON_CHARACTERS = 1024
"""https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Container.html"""


class ServiceTask(Task):
    """https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Task.html"""

    def __init__(
        self,
        backend: EC2ContainerServiceBackend,
        service: Service,
        definition: TaskDefinition,
        deployment: str,
    ) -> None:
        super().__init__(
            cluster=backend.clusters[service.cluster_name],
            task_definition=definition,
            container_instance_arn=None,
            resource_requirements=None,
            backend=backend,
            group=f"service:{service.name}",
            launch_type="FARGATE",
            started_by=deployment,
            networking_configuration=service.network_configuration,
            platform_version=service.platform_version,
        )
        self._status_now = "PROVISIONING"
        self.deployment = deployment
        self.created_at = utcnow()
        self.cpu, self.memory = definition.cpu, definition.memory
        self.started_at: datetime | None = None
        self.stopped_at: datetime | None = None
        self.stop_code: str | None = None
        self.health_status = "UNKNOWN"
        self.protected_until: float | None = None
        """In seconds since the epoch."""
        self.containers: list[dict[str, Any]] = [  # type: ignore[assignment]
            {
                "containerArn": f"{self.task_arn.replace(':task/', ':container/')}/{uuid.uuid4()}",
                "taskArn": self.task_arn,
                "name": one["name"],
                "image": one["image"],
                "lastStatus": "PENDING",
                "healthStatus": "UNKNOWN",
            }
            for one in definition.container_definitions
        ]

    @property
    def last_status(self) -> str:
        """moto moves a task on whenever it is described; this one moves when its processes do."""
        return self._status_now

    @last_status.setter
    def last_status(self, value: str) -> None:
        self._status_now = value

    def is_protected(self, now: float) -> bool:
        return self.protected_until is not None and now < self.protected_until

    def began(self, container: str, pid: int) -> None:
        """AWS gives the container's id at its runtime here; ours is a process."""
        next(one for one in self.containers if one["name"] == container)["runtimeId"] = str(pid)

    def running(self) -> None:
        self.last_status, self.started_at = "RUNNING", utcnow()
        for one in self.containers:
            one["lastStatus"] = "RUNNING"

    def healthy(self, container: str, status: str) -> None:
        for one in self.containers:
            if one["name"] == container:
                one["healthStatus"] = status
        self.health_status = _worst([one["healthStatus"] for one in self.containers])

    def stopping(self) -> None:
        self.desired_status, self.last_status = "STOPPED", "STOPPING"

    def stopped(self, code: str, reason: str, ends: dict[str, tuple[int, str]]) -> None:
        """`ends`: container -> exit code and the last lines that it printed, which AWS leaves to the log."""
        self.desired_status, self.last_status = "STOPPED", "STOPPED"
        self.stop_code, self.stopped_reason, self.stopped_at = code, reason, utcnow()
        for one in self.containers:
            one["lastStatus"] = "STOPPED"
            if one["name"] in ends:
                one["exitCode"], tail = ends[one["name"]]
                one["reason"] = tail[-_REASON_CHARACTERS:]
        # AWS takes the interface away with its task: a security group in use could not be deleted.
        interfaces = ec2_backends[self._account_id][self.region_name].enis
        for attachment in self.attachments:
            for detail in attachment["details"]:
                if detail["name"] == "networkInterfaceId":
                    interfaces.pop(detail["value"], None)


def _worst(statuses: Sequence[str]) -> str:
    return next((s for s in ("UNHEALTHY", "HEALTHY") if s in statuses), "UNKNOWN")
