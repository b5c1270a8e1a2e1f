"""What a task reaches on its own machine: the ECS agent, its metadata and its role's credentials."""

import json
import logging
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError
from werkzeug.serving import make_server
from werkzeug.wrappers import Request, Response

from embedded_aws.functions.sandbox import Issue
from embedded_aws.tasks.clients import RoleClients
from embedded_aws.tasks.record import ServiceTask
from embedded_aws.tasks.role_credentials import RoleCredentials, utc

HOST = "127.0.0.1"


@dataclass(frozen=True)
class Address:
    """Where one container finds its agent."""

    agent_uri: str
    metadata_uri: str
    credentials_uri: str
    token: str


@dataclass
class _Known:
    task: ServiceTask
    container: str
    role_arn: str | None
    token: str
    credentials: RoleCredentials | None


class Agent:
    """One HTTP server on the loopback interface; a path that nobody can guess leads to each container."""

    def __init__(self, issue: Issue, clients: RoleClients, clock: Callable[[], float]) -> None:
        self._issue, self._clients, self._clock = issue, clients, clock
        self._known: dict[str, _Known] = {}
        logging.getLogger("werkzeug").setLevel(logging.WARNING)
        self._server = make_server(HOST, 0, self._answer, threaded=True)
        self._thread = threading.Thread(target=self._serve, name="ecs-agent", daemon=True)
        self._thread.start()

    def add(self, task: ServiceTask, container: str, role_arn: str | None) -> Address:
        key, token = secrets.token_urlsafe(24), secrets.token_urlsafe(24)
        role = RoleCredentials(role_arn, task.id, self._issue, self._clock) if role_arn else None
        self._known[key] = _Known(task, container, role_arn, token, role)
        base = f"http://{HOST}:{self._server.server_port}"
        return Address(f"{base}/api/{key}", f"{base}/v4/{key}", f"{base}/credentials/{key}", token)

    def remove(self, task: ServiceTask) -> None:
        for key, known in list(self._known.items()):
            if known.task is task:
                del self._known[key]

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _serve(self) -> None:
        self._server.serve_forever(poll_interval=0.05)

    def _answer(self, environ: Any, start_response: Any) -> Any:
        request = Request(environ)
        door, _, rest = request.path.lstrip("/").partition("/")
        key, _, path = rest.partition("/")
        known = self._known.get(key)
        answer = {
            ("credentials", ""): self._credentials,
            ("api", "task-protection/v1/state"): self._protection,
            ("v4", ""): self._container,
            ("v4", "task"): self._task,
        }.get((door, path))
        if known is None or answer is None:
            return Response("404 page not found", 404)(environ, start_response)
        status, said = answer(known, request)
        return Response(json.dumps(said), status, content_type="application/json")(environ, start_response)

    def _credentials(self, known: _Known, request: Request) -> tuple[int, Any]:
        """https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html"""
        if known.credentials is None or request.headers.get("Authorization") != known.token:
            return 403, {"code": "AccessDenied", "message": "the authorization token is not this container's"}
        return 200, known.credentials.answer()

    def _protection(self, known: _Known, request: Request) -> tuple[int, Any]:
        """https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-scale-in-protection-endpoint.html

        As AWS's agent does, this calls UpdateTaskProtection and GetTaskProtection with the task's own role.
        """
        task = known.task
        named = {"cluster": task.cluster_arn, "tasks": [task.task_arn]}

        def error(code: str, message: str) -> tuple[int, Any]:
            said = {"Arn": task.task_arn, "Code": code, "Message": message}
            return 400, {"requestID": secrets.token_hex(16), "error": said}

        if known.role_arn is None:
            return error("AccessDeniedException", "the task has no task role")
        ecs = self._clients.client("ecs", task.region_name, known.role_arn, task.id)
        try:
            if request.method == "PUT":
                given = json.loads(request.get_data())
                minutes = given.get("ExpiresInMinutes")
                chosen = {} if minutes is None else {"expiresInMinutes": minutes}
                said = ecs.update_task_protection(
                    **named, protectionEnabled=given["ProtectionEnabled"], **chosen
                )
            else:
                said = ecs.get_task_protection(**named)
        except ClientError as refusal:
            told: Any = refusal.response.get("Error", {})
            return error(told.get("Code", ""), told.get("Message", ""))
        except (ValueError, KeyError, TypeError, AttributeError) as mistake:
            return error("InvalidParameterException", f"Invalid request body: {mistake}")
        if said["failures"]:
            failure = {name.capitalize(): text for name, text in said["failures"][0].items()}
            return 200, {"failure": failure}
        return 200, {"protection": _protection(said["protectedTasks"][0])}

    def _container(self, known: _Known, _request: Request) -> tuple[int, Any]:
        """https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-metadata-endpoint-v4-fargate-response.html"""
        return 200, next(one for one in _containers(known.task) if one["Name"] == known.container)

    def _task(self, known: _Known, _request: Request) -> tuple[int, Any]:
        task = known.task
        family, revision = task.task_definition_arn.rsplit("/", 1)[-1].split(":")
        return 200, {
            "Cluster": task.cluster_arn,
            "TaskARN": task.task_arn,
            "Family": family,
            "Revision": revision,
            "ServiceName": task.group.removeprefix("service:"),
            "DesiredStatus": task.desired_status,
            "KnownStatus": task.last_status,
            "LaunchType": "FARGATE",
            "Containers": _containers(task),
        }


def _containers(task: ServiceTask) -> list[dict[str, Any]]:
    return [
        {
            "DockerId": one["containerArn"].rsplit("/", 1)[-1],
            "Name": one["name"],
            "DockerName": one["name"],
            "Image": one["image"],
            "DesiredStatus": task.desired_status,
            "KnownStatus": one["lastStatus"],
            "ContainerARN": one["containerArn"],
            "Labels": {
                "com.amazonaws.ecs.cluster": task.cluster_arn,
                "com.amazonaws.ecs.container-name": one["name"],
                "com.amazonaws.ecs.task-arn": task.task_arn,
            },
        }
        for one in task.containers
    ]


def _protection(held: Any) -> dict[str, Any]:
    ends = held.get("expirationDate")
    return {
        **({"ExpirationDate": utc(ends)} if ends else {}),
        "ProtectionEnabled": held["protectionEnabled"],
        "TaskArn": held["taskArn"],
    }
