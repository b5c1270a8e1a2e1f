"""One task: its containers' processes from the first secret to the last exit code."""

import shutil
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from moto.ecs.models import TaskDefinition

from embedded_aws.tasks.agent import Agent
from embedded_aws.tasks.clients import RoleClients
from embedded_aws.tasks.container import Container, container
from embedded_aws.tasks.environment import environment, of_ecs, program
from embedded_aws.tasks.errors import NotStarted
from embedded_aws.tasks.health import Health
from embedded_aws.tasks.images import Images
from embedded_aws.tasks.log import ContainerLog
from embedded_aws.tasks.process import Process
from embedded_aws.tasks.record import ServiceTask
from embedded_aws.tasks.secrets import fetched

STEADY_SECONDS = 1.0
"""A task without a health check is steady once it has run this long. AWS asks only that it reached RUNNING,
and finds a program that ends at once by its failures after that."""

_EXITED = "EssentialContainerExited"


@dataclass(frozen=True)
class Machine:
    """What every task here shares."""

    account: str
    endpoint_url: str
    http_url: str
    python: Path
    images: Images
    agent: Agent
    clients: RoleClients


@dataclass(frozen=True, eq=False)
class _Live:
    container: Container
    process: Process
    log: ContainerLog
    health: Health | None
    temporary: Path


class RunningTask:
    """A thread of its own leads it; `changed` is called whenever it starts, is healthy or has ended."""

    def __init__(
        self, record: ServiceTask, definition: TaskDefinition, machine: Machine, changed: Callable[[], None]
    ) -> None:
        self.record = record
        self._machine, self._changed = machine, changed
        self._definitions: list[Any] = definition.container_definitions
        self._containers: list[Container] = []
        self._role: str | None = getattr(definition, "task_role_arn", None)
        self._execution_role: str | None = getattr(definition, "execution_role_arn", None)
        self._state = threading.Condition()
        self._live: list[_Live] = []
        self._stop: tuple[str, str] | None = None
        self._deadline = float("inf")
        self._running_since: float | None = None
        self.ended, self.failed = False, False
        """`failed`: it ended by itself before it was steady."""
        self._was_steady = False
        self._thread = threading.Thread(target=self._run, name=f"ecs-task-{record.id}", daemon=True)
        self._thread.start()

    def stop(self, code: str, reason: str, *, within_seconds: float = float("inf")) -> None:
        """Asks it to end: the first reason counts, and the shortest time."""
        with self._state:
            self._stop = self._stop or (code, reason)
            self._deadline = min(self._deadline, time.monotonic() + within_seconds)
            self._state.notify_all()

    def join(self) -> None:
        self._thread.join()

    def pids(self) -> list[int]:
        return [one.process.pid for one in self._live if one.process.exit_code is None]

    @property
    def stopping(self) -> bool:
        """Somebody asked it to end. One that fails by itself holds its place until that is counted."""
        return self._stop is not None and self._stop[0] != _EXITED

    def seconds_to_steady(self) -> float | None:
        """0 where it is steady, None where that is no matter of time."""
        since = self._running_since
        if self._was_steady:
            return 0.0
        if since is None or any(one.health for one in self._containers):
            return None
        return max(0.0, since + STEADY_SECONDS - time.monotonic())

    def _run(self) -> None:
        ending = self._start()
        if ending is None:
            self._changed()
            with self._state:
                self._state.wait_for(lambda: self._stop is not None or self._essential_ended())
                ending = self._stop or (_EXITED, "Essential container in task exited")
            self._was_steady, self._running_since = self.seconds_to_steady() == 0.0, None
        self.failed = not self._was_steady and ending[0] in ("TaskFailedToStart", _EXITED)
        self._end()
        self._machine.agent.remove(self.record)
        ends = {one.container.name: (one.process.exit_code or 0, one.log.tail()) for one in self._live}
        self.record.stopped(*ending, ends)
        self.ended = True
        self._changed()

    def _start(self) -> tuple[str, str] | None:
        """Why it ends already; None where it runs."""
        self.record.last_status = "PENDING"
        try:
            self._containers = [container(one) for one in self._definitions]
            for one in self._containers:
                if self._stop is not None:
                    return self._stop
                self._live.append(self._started(one))
        except NotStarted as error:
            return "TaskFailedToStart", str(error)
        except Exception as error:  # noqa: BLE001 - whatever a definition holds, its task must come to an end
            return "TaskFailedToStart", f"CannotStartContainerError: {error!r}"
        self._running_since = time.monotonic()
        self.record.running()
        return None

    def _started(self, one: Container) -> _Live:
        machine, record, region = self._machine, self.record, self.record.region_name
        execution_role = self._execution_role

        def as_execution_role(service: str) -> object:
            return machine.clients.client(service, region, str(execution_role), record.id)

        client = as_execution_role if execution_role else None
        root = machine.images.root(one)
        secrets = fetched(one, client)
        log = ContainerLog(one, task_id=record.id, account=machine.account, region=region, client=client)
        temporary = machine.images.temporary()
        variables = environment(
            {**one.variables, **secrets},
            region=region,
            endpoint_url=machine.endpoint_url,
            http_url=machine.http_url,
            python=machine.python,
            root=root,
            temporary=temporary,
            host=of_ecs(machine.agent.add(record, one.name, self._role), has_role=self._role is not None),
        )
        if not one.arguments:
            raise NotStarted(f"CannotStartContainerError: container {one.name} has no command")
        try:
            process = Process(
                program(one.arguments, machine.python),
                root=root,
                environment=variables,
                line=log.line,
                ended=self._notify,
            )
        except OSError as error:
            raise NotStarted(f"CannotStartContainerError: container {one.name}: {error}") from error
        record.began(one.name, process.pid)
        health = None
        if one.health is not None:
            health = Health(
                one.health,
                program(one.health.arguments, machine.python),
                root=root,
                environment=variables,
                tell=lambda status: self._told(one, status),
            )
        return _Live(one, process, log, health, temporary)

    def _told(self, one: Container, status: str) -> None:
        self.record.healthy(one.name, status)
        checked = [c for c in self._containers if c.health is not None]
        if status == "UNHEALTHY" and one.essential:
            self.stop(_EXITED, "Task failed container health checks")
        elif self.record.health_status == "HEALTHY" and len(checked) == self._healthy():
            self._was_steady = True
        self._changed()

    def _healthy(self) -> int:
        return sum(one["healthStatus"] == "HEALTHY" for one in self.record.containers)

    def _notify(self) -> None:
        with self._state:
            self._state.notify_all()

    def _essential_ended(self) -> bool:
        return any(one.container.essential and one.process.exit_code is not None for one in self._live)

    def _end(self) -> None:
        """SIGTERM to all, and SIGKILL to each whose stopTimeout is over.

        https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-lifecycle-explanation.html
        """
        self.record.stopping()
        for one in self._live:
            if one.health is not None:
                one.health.stop()
            one.process.terminate()
        begun = time.monotonic()
        with self._state:
            while alive := [one for one in self._live if one.process.exit_code is None]:
                now = time.monotonic()
                ends = {one: min(begun + one.container.stop_seconds, self._deadline) for one in alive}
                for one in alive:
                    if ends[one] <= now:
                        one.process.kill()
                left = [at - now for at in ends.values() if at > now]
                self._state.wait(min(left) if left else None)
        for one in self._live:
            if one.health is not None:
                one.health.join()
            shutil.rmtree(one.temporary, ignore_errors=True)
