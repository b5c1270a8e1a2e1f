"""The tasks of all services, kept in step with what the ECS API says of them."""

import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from moto.backends import get_backend
from moto.ecs.models import EC2ContainerServiceBackend, Service

from embedded_aws.functions.sandbox import Issue
from embedded_aws.tasks import api, deployments
from embedded_aws.tasks.agent import Agent
from embedded_aws.tasks.clients import RoleClients
from embedded_aws.tasks.images import Images
from embedded_aws.tasks.lifecycle import Machine, RunningTask
from embedded_aws.tasks.record import ServiceTask
from embedded_aws.tasks.scaling import Scaler
from embedded_aws.tasks.scheduler import Scheduler

_TICK_SECONDS = 1.0
CLOSE_SECONDS = 2.0
"""What a task has between SIGTERM and SIGKILL when the cloud ends, whatever its stopTimeout."""


class Tasks:
    """ECS's service scheduler over moto's control plane. `clock` gives seconds since the epoch."""

    def __init__(
        self,
        *,
        account: str,
        endpoint_url: str,
        http_url: str = "",
        issue: Issue,
        python: Path,
        log: Callable[[str], None],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._account, self._log, self._clock = account, log, clock
        clients = RoleClients(issue, endpoint_url)
        self._agent, self._images = Agent(issue, clients, clock), Images()
        self._machine = Machine(account, endpoint_url, http_url, python, self._images, self._agent, clients)
        self._scaler = Scaler(account=account, log=log, clock=clock)
        self._lock = threading.RLock()
        self._schedulers: dict[int, Scheduler] = {}
        """By the identity of moto's record: a service that is made again is another one."""
        self._awake, self._closing = threading.Event(), False
        self._reported: set[str] = set()
        self._thread = threading.Thread(target=self._run, name="ecs-services", daemon=True)
        self._thread.start()

    def install(self) -> Callable[[], None]:
        """Follows the services in moto; call the result to undo it."""
        return api.install(self)

    def close(self) -> None:
        """Ends every process that was started here, and returns when they are gone."""
        self._closing = True
        self.wake()
        self._thread.join()
        for task in self._running():
            task.stop("ServiceSchedulerInitiated", "The embedded cloud ends", within_seconds=CLOSE_SECONDS)
        for task in self._running():
            task.join()
        self._agent.close()
        self._images.close()

    def pids(self) -> list[int]:
        """Leaders of the processes that run now."""
        return sorted(pid for task in self._running() for pid in task.pids())

    def wake(self) -> None:
        self._awake.set()

    def now(self) -> float:
        return self._clock()

    def updating(
        self, backend: EC2ContainerServiceBackend, change: Callable[[], Service], *, force: bool
    ) -> Service:
        """Applies a change of a service; one of what its tasks are begins a deployment."""
        with self._lock:
            service = change()
            if _runs_here(service):
                self._deploy(backend, service, force=force)
                self._scheduler(backend, service).count()
        self.wake()
        return service

    def deleted(self, service: Service) -> None:
        with self._lock:
            scheduler = self._schedulers.get(id(service))
            if scheduler is not None:
                scheduler.drain()
        self.wake()

    def stop(self, task: ServiceTask, reason: str) -> None:
        for running in self._running():
            if running.record is task:
                running.stop("UserInitiated", reason)

    @staticmethod
    def _deploy(backend: EC2ContainerServiceBackend, service: Service, *, force: bool) -> None:
        held = deployments.primary(service)
        if service.task_definition != held["taskDefinition"]:  # it may be named without its revision
            service.task_definition = backend.describe_task_definition(str(service.task_definition)).arn
        now = (service.task_definition, service.network_configuration or None)
        if force or now != (held["taskDefinition"], held["networkConfiguration"] or None):
            deployments.begin(service)

    def _scheduler(self, backend: EC2ContainerServiceBackend, service: Service) -> Scheduler:
        return self._schedulers.setdefault(
            id(service), Scheduler(service, backend, self._machine, self.wake, self._clock)
        )

    def _run(self) -> None:
        pause, next_tick = _TICK_SECONDS, time.monotonic()
        while not self._closing:
            self._awake.wait(pause)
            self._awake.clear()
            if time.monotonic() >= next_tick:
                next_tick = time.monotonic() + _TICK_SECONDS
                self._scale()
            pause = self._step()

    def _scale(self) -> None:
        try:
            self._scaler.evaluate()
        except Exception as error:  # noqa: BLE001 - a policy that moto took and we misread must not stop all
            self._report(f"scaling policies cannot be evaluated: {error!r}")

    def _step(self) -> float:
        """Seconds until the next step, unless somebody wakes us before."""
        pauses = [_TICK_SECONDS]
        with self._lock:
            listed = [self._scheduler(backend, service) for backend, service in self._services()]
            for key, scheduler in list(self._schedulers.items()):
                try:
                    if scheduler not in listed and scheduler.service.status == "ACTIVE":
                        scheduler.drain()  # another took its name
                    pauses.append(scheduler.step() or _TICK_SECONDS)
                except Exception as error:  # noqa: BLE001 - one service's fault must not stop all others
                    self._report(f"{scheduler.service.arn}: its tasks cannot be scheduled: {error!r}")
                if scheduler.is_over:
                    del self._schedulers[key]
        return min(pauses)

    def _services(self) -> Iterable[tuple[EC2ContainerServiceBackend, Service]]:
        for backend in list(get_backend("ecs")[self._account].values()):
            for service in list(backend.services.values()):
                if _runs_here(service) and service.status != "INACTIVE":
                    yield backend, service

    def _running(self) -> list[RunningTask]:
        with self._lock:
            return [task for scheduler in self._schedulers.values() for task in scheduler.tasks]

    def _report(self, sentence: str) -> None:
        if sentence not in self._reported:
            self._reported.add(sentence)
            self._log(sentence)


def _runs_here(service: Service) -> bool:
    """All but a daemon of EC2 instances, and what another controller deploys."""
    return bool(service.deployments) and str(service.scheduling_strategy) != "DAEMON"
