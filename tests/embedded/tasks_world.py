"""A small AWS whose ECS services run: moto behind our gateway, with the authoriser and the scheduler."""

import contextlib
import hashlib
import json
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import psutil
from botocore.config import Config
from moto.applicationautoscaling.models import applicationautoscaling_backends
from moto.ecs.models import ecs_backends
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

from embedded_aws.authorizer.authorizer import Authorizer
from embedded_aws.gateway import Gateway
from embedded_aws.patches import replace
from embedded_aws.tasks import Tasks, lifecycle
from tests.embedded.functions_world import ACCOUNT, PATIENCE_SECONDS, REGION, package, serving

WAITS = """
import signal, sys, threading
stopped = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: stopped.set())
print("runs", flush=True)
stopped.wait()
print("was told to stop", flush=True)
"""
"""A program that runs until SIGTERM, and then ends well."""

STUBBORN = """
import signal, subprocess, sys, time
signal.signal(signal.SIGTERM, lambda *_: print("told", flush=True))
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print(child.pid, flush=True)
while True: time.sleep(600)
"""
"""Survives SIGTERM, and has a child."""

GROUP = "tests"
LOGGED = {
    "logConfiguration": {
        "logDriver": "awslogs",
        "options": {"awslogs-group": GROUP, "awslogs-stream-prefix": "tests"},
    }
}
ASSUMED = {"Version": "2012-10-17", "Statement": []}


class NoFunctions:
    def respond(self, *_given: Any) -> None:
        return None


@dataclass
class TasksWorld:
    tasks: Tasks
    url: str
    folder: Path
    log: list[str]
    now: list[float] = field(default_factory=list)
    """One number: how far the clock is ahead, in seconds."""
    _shared: dict[str, str] = field(default_factory=dict)

    @property
    def execution_role(self) -> str:
        """May write logs and nothing else."""
        if "role" not in self._shared:
            logs = self.client("logs")
            with contextlib.suppress(logs.exceptions.ResourceAlreadyExistsException):
                logs.create_log_group(logGroupName=GROUP)
            self._shared["role"] = self.role({"Effect": "Allow", "Action": "logs:*", "Resource": "*"})
        return self._shared["role"]

    def client(self, service: str) -> Any:
        return boto3.client(  # type: ignore[call-overload]
            service,
            endpoint_url=self.url,
            region_name=REGION,
            aws_access_key_id="embedded",
            aws_secret_access_key="embedded",
            config=Config(retries={"total_max_attempts": 1}, read_timeout=PATIENCE_SECONDS),
        )

    def pass_time(self, seconds: float) -> None:
        self.now[0] += seconds
        self.tasks.wake()

    def role(self, *statements: Any) -> str:
        """ARN of a role with these statements."""
        iam, name = self.client("iam"), f"role-{uuid.uuid4().hex[:8]}"
        arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(ASSUMED))["Role"]["Arn"]
        document = {"Version": "2012-10-17", "Statement": list(statements)}
        if statements:
            iam.put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=json.dumps(document))
        return str(arn)

    def image(self, program: str, **files: str) -> dict[str, Any]:
        """What a container says of an image that holds this program as main.py."""
        code = package({"main.py": program, **files})
        digest = hashlib.sha256(code).hexdigest()
        path = self.folder / f"{digest}.zip"
        path.write_bytes(code)
        return {
            "image": f"this-machine/agent@sha256:{digest}",
            "dockerLabels": {"agent-hosting.archive": str(path)},
            "command": ["python", "main.py"],
        }

    def definition(self, *containers: Any, **settings: Any) -> str:
        """ARN of a task definition; where a container does not say otherwise, it is `agent` and logs."""
        given = {
            "executionRoleArn": self.execution_role,
            "family": f"f-{uuid.uuid4().hex[:8]}",
            "requiresCompatibilities": ["EC2"],
            **settings,
        }
        said = self.client("ecs").register_task_definition(
            containerDefinitions=[{"name": "agent", "memory": 256, **LOGGED, **one} for one in containers],
            **given,
        )
        return str(said["taskDefinition"]["taskDefinitionArn"])

    def lines(self, task: Any, container: str = "agent") -> list[str]:
        stream = f"tests/{container}/{task['taskArn'].rsplit('/', 1)[-1]}"
        said = self.client("logs").get_log_events(logGroupName=GROUP, logStreamName=stream)
        return [event["message"] for event in said["events"]]

    def said(self, task: Any, count: int = 1) -> list[str]:
        """The lines of a task, once there are so many."""
        return wait_for(lambda: len(lines := self.lines(task)) >= count and lines)

    def service(self, definition: str, desired: int = 1, **settings: Any) -> "ServiceOf":
        ecs, own = self.client("ecs"), uuid.uuid4().hex[:8]
        ecs.create_cluster(clusterName=f"c-{own}")
        ecs.create_service(
            cluster=f"c-{own}",
            serviceName=f"s-{own}",
            taskDefinition=definition,
            desiredCount=desired,
            launchType="FARGATE",
            **settings,
        )
        return ServiceOf(ecs, f"c-{own}", f"s-{own}")


@dataclass
class ServiceOf:
    ecs: Any
    cluster: str
    name: str

    def update(self, **settings: Any) -> None:
        self.ecs.update_service(cluster=self.cluster, service=self.name, **settings)

    def held(self) -> Any:
        (found,) = self.ecs.describe_services(cluster=self.cluster, services=[self.name])["services"]
        return found

    def primary(self) -> Any:
        return next(d for d in self.held()["deployments"] if d["status"] == "PRIMARY")

    def tasks(self, status: str = "RUNNING") -> list[Any]:
        arns = self.ecs.list_tasks(cluster=self.cluster, serviceName=self.name, desiredStatus=status)
        if not arns["taskArns"]:
            return []
        held = self.ecs.describe_tasks(cluster=self.cluster, tasks=arns["taskArns"])["tasks"]
        return sorted(held, key=lambda task: task["createdAt"])

    def running(self, number: int) -> list[Any]:
        """The tasks, once so many run and no other."""

        def ready() -> list[Any] | None:
            found = self.tasks()
            live = [task for task in found if task["lastStatus"] == "RUNNING"]
            return found if len(found) == len(live) == number else None

        return wait_for(ready)

    def stopped(self, number: int = 1) -> list[Any]:
        """At least so many tasks that have ended, the last one last."""

        def ended() -> list[Any] | None:
            found = [task for task in self.tasks("STOPPED") if task["lastStatus"] == "STOPPED"]
            return sorted(found, key=lambda task: task["stoppedAt"]) if len(found) >= number else None

        return wait_for(ended)

    def rolled_out(self, state: str = "COMPLETED") -> Any:
        return wait_for(lambda: (p := self.primary())["rolloutState"] == state and p)


def wait_for(look: Callable[[], Any]) -> Any:
    """What `look` gives once it is true; AWS's API tells nobody of a change."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (found := look()):
        assert time.monotonic() < deadline, "it never came to be"
        time.sleep(0.02)
    return found


def exists(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@contextmanager
def tasks_world(folder: Path, *, steady_seconds: float = lifecycle.STEADY_SECONDS) -> Iterator[TasksWorld]:
    authorizer = Authorizer(folder / "refusals.jsonl")
    moto: Any = DomainDispatcherApplication(create_backend_app)  # type: ignore[no-untyped-call]
    log: list[str] = []
    ahead = [0.0]
    with serving(Gateway(moto, authorizer, NoFunctions())) as url:
        tasks = Tasks(
            account=ACCOUNT,
            endpoint_url=url,
            issue=authorizer.issue,
            python=Path(sys.executable),
            log=log.append,
            clock=lambda: time.time() + ahead[0],
        )
        undo = (tasks.install(), replace([(lifecycle, "STEADY_SECONDS", steady_seconds)]))
        try:
            yield TasksWorld(tasks, url, folder, log, ahead)
        finally:
            tasks.close()
            for one in undo:
                one()
            # moto is one for the whole process: the next world would run the services of this one.
            for backends in (ecs_backends, applicationautoscaling_backends):
                backends[ACCOUNT][REGION].reset()
