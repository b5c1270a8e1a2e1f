"""One service: what runs of it is brought, step by step, to what it should be."""

import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from moto.core.utils import utcnow
from moto.ecs.models import EC2ContainerServiceBackend, Service, TaskDefinition

from embedded_aws.tasks import deployments
from embedded_aws.tasks.lifecycle import Machine, RunningTask
from embedded_aws.tasks.plan import Limits, Seen, plan
from embedded_aws.tasks.record import ServiceTask

FIRST_PAUSE_SECONDS = 0.2
LAST_PAUSE_SECONDS = 5.0
"""AWS throttles a service whose tasks keep failing up to 27 minutes apart; a developer waits less:
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-throttle-logic.html"""
_MOST_EVENTS = 100
"""https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-event-messages.html"""
_MOST_STOPPED = 20
"""AWS shows a stopped task for an hour; a service that fails all day must not fill the memory."""


@dataclass
class _Failures:
    """Of one deployment, in a row."""

    count: int = 0
    not_before: float = 0.0


class Scheduler:
    """Called by one thread at a time. `wake` asks for a step; `now` is the wall clock, in seconds."""

    def __init__(
        self,
        service: Service,
        backend: EC2ContainerServiceBackend,
        machine: Machine,
        wake: Callable[[], None],
        now: Callable[[], float],
    ) -> None:
        self.service, self._backend, self._machine, self._wake = service, backend, machine, wake
        self._now = now
        self.tasks: list[RunningTask] = []
        self._stopped: list[ServiceTask] = []
        self._definitions: dict[str, TaskDefinition] = {}
        self._failures: dict[str, _Failures] = {}
        self._was_steady = False

    @property
    def is_over(self) -> bool:
        return self.service.status == "INACTIVE" and not self.tasks

    def step(self) -> float | None:
        """Does what can be done now; gives the seconds until it wants to be called again by itself."""
        self._collect()
        if self.service.status == "ACTIVE":
            self._break_circuit()
            self._follow_plan()
            self._settle()
        elif not self.tasks:
            self.service.status = "INACTIVE"
        self.count()
        return self._seconds_to_next()

    def drain(self) -> None:
        """The service is being deleted, which protects no task."""
        self.service.status = "DRAINING" if self.tasks else "INACTIVE"
        self._stop([task.record.id for task in self.tasks if not task.stopping], "(service deleted)")

    def count(self) -> None:
        """Writes the truth where moto has guesses."""
        service, live = self.service, [task.record for task in self.tasks]
        listed: list[Any] = service.deployments
        for one in listed:
            own = [task for task in live if task.deployment == one["id"]]
            one["runningCount"], one["pendingCount"] = _counts(own)
            one["failedTasks"] = self._failed(one["id"]).count
            one["desiredCount"] = service.desired_count if one["status"] == "PRIMARY" else 0
        service.running_count, service.pending_count = _counts(live)

    def _collect(self) -> None:
        for task in [task for task in self.tasks if task.ended]:
            self.tasks.remove(task)
            failures = self._failed(task.record.deployment)
            if task.failed:
                pause = min(FIRST_PAUSE_SECONDS * 2**failures.count, LAST_PAUSE_SECONDS)
                failures.count += 1
                failures.not_before = time.monotonic() + pause
                self._say(f"(task {task.record.id}) failed to start: {task.record.stopped_reason}")
            self._stopped.append(task.record)
        held = self._backend.tasks.get(self.service.cluster_name, {})
        while len(self._stopped) > _MOST_STOPPED:
            held.pop(self._stopped.pop(0).task_arn, None)
        for task in self.tasks:
            if task.seconds_to_steady() == 0.0:
                self._failed(task.record.deployment).count = 0

    def _break_circuit(self) -> None:
        """https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-circuit-breaker.html"""
        service, current = self.service, deployments.primary(self.service)
        breaker = self._configuration().get("deploymentCircuitBreaker") or {}
        threshold = deployments.failure_threshold(service.desired_count)
        if (
            breaker.get("enable")
            and current["rolloutState"] == "IN_PROGRESS"
            and self._failed(current["id"]).count >= threshold
        ):
            back = deployments.fail(service, roll_back=bool(breaker.get("rollback")))
            self._say(f"(deployment {current['id']}) deployment failed: tasks failed to start.")
            if back is not None:
                self._say(f"rolling back to deployment {back['id']}.")

    def _follow_plan(self) -> None:
        service, current = self.service, deployments.primary(self.service)
        now = self._now()
        seen = [
            Seen(
                id=task.record.id,
                is_primary=task.record.deployment == current["id"],
                is_steady=task.seconds_to_steady() == 0.0,
                is_protected=task.record.is_protected(now),
                age=len(self.tasks) - place,
            )
            for place, task in enumerate(self.tasks)
            if not task.stopping
        ]
        given = self._configuration()
        limits = Limits(given.get("minimumHealthyPercent", 100), given.get("maximumPercent", 200))
        wanted = plan(service.desired_count, seen, limits)
        self._stop(wanted.stop, f"(deployment {current['id']})")
        pausing = time.monotonic() < self._failed(current["id"]).not_before
        if wanted.start and current["rolloutState"] != "FAILED" and not pausing:
            self._start(wanted.start, current)

    def _start(self, number: int, deployment: deployments.Deployment) -> None:
        definition = self._definition(deployment["taskDefinition"])
        held = self._backend.tasks.setdefault(self.service.cluster_name, {})
        for _ in range(number):
            record: Any = ServiceTask(self._backend, self.service, definition, deployment["id"])
            held[record.task_arn] = record
            self.tasks.append(RunningTask(record, definition, self._machine, self._wake))
            self._say(f"has started 1 tasks: (task {record.id}).")

    def _stop(self, ids: Sequence[str], by: str) -> None:
        for task in self.tasks:
            if task.record.id in ids:
                task.stop("ServiceSchedulerInitiated", f"Scaling activity initiated by {by}")
                self._say(f"has stopped 1 running tasks: (task {task.record.id}).")

    def _settle(self) -> None:
        """A deployment is complete once its tasks are steady, and those of the others gone."""
        current = deployments.primary(self.service)
        own = [task for task in self.tasks if task.record.deployment == current["id"]]
        steady = (
            len(own) == len(self.tasks) == self.service.desired_count
            and all(task.seconds_to_steady() == 0.0 and not task.stopping for task in own)
            and current["rolloutState"] != "FAILED"
        )
        if steady and current["rolloutState"] == "IN_PROGRESS":
            deployments.complete(self.service)
        if steady and not self._was_steady:
            self._say("has reached a steady state.")
        self._was_steady = steady

    def _seconds_to_next(self) -> float | None:
        pause = self._failed(deployments.primary(self.service)["id"]).not_before - time.monotonic()
        times = [pause, *(task.seconds_to_steady() for task in self.tasks)]
        return min((seconds for seconds in times if seconds is not None and seconds > 0), default=None)

    def _configuration(self) -> dict[str, Any]:
        return getattr(self.service, "deployment_configuration", None) or {}

    def _definition(self, arn: str) -> TaskDefinition:
        """As it was when first needed: a running service keeps a revision that is deregistered."""
        if arn not in self._definitions:
            self._definitions[arn] = self._backend.describe_task_definition(arn)
        return self._definitions[arn]

    def _failed(self, deployment: str) -> _Failures:
        return self._failures.setdefault(deployment, _Failures())

    def _say(self, text: str) -> None:
        event = {
            "id": str(uuid.uuid4()),
            "createdAt": utcnow(),
            "message": f"(service {self.service.name}) {text}",
        }
        self.service.events = [event, *self.service.events][:_MOST_EVENTS]


def _counts(tasks: Sequence[ServiceTask]) -> tuple[int, int]:
    """How many run, and how many are about to."""
    statuses = [task.last_status for task in tasks]
    return statuses.count("RUNNING"), sum(status in ("PROVISIONING", "PENDING") for status in statuses)
