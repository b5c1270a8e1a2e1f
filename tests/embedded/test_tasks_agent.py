"""What a task reaches on its own machine: scale-in protection, metadata and credentials."""

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.embedded.functions_world import PATIENCE_SECONDS
from tests.embedded.tasks_world import WAITS, ServiceOf, TasksWorld, tasks_world, wait_for

TELLS = "import json, os\nprint(json.dumps(dict(os.environ)), flush=True)\n" + WAITS
MAY_PROTECT: Any = {
    "Effect": "Allow",
    "Action": ["ecs:UpdateTaskProtection", "ecs:GetTaskProtection"],
    "Resource": "*",
}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TasksWorld]:
    with tasks_world(tmp_path_factory.mktemp("tasks"), steady_seconds=0.2) as made:
        yield made


def http(method: str, url: str, body: Any = None, **headers: str) -> tuple[int, Any]:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE_SECONDS) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read() or b"null")


def running(world: TasksWorld, *statements: Any, desired: int = 1) -> tuple[ServiceOf, list[Any], list[Any]]:
    """A service, its tasks and the environment of each."""
    definition = world.definition(world.image(TELLS), taskRoleArn=world.role(*statements))
    service = world.service(definition, desired)
    tasks = service.running(desired)
    return service, tasks, [json.loads(world.said(task)[0]) for task in tasks]


def role_of(world: TasksWorld, task: Any) -> str:
    held = world.client("ecs").describe_task_definition(taskDefinition=task["taskDefinitionArn"])
    return str(held["taskDefinition"]["taskRoleArn"])


def state(environment: Any) -> str:
    return f"{environment['ECS_AGENT_URI']}/task-protection/v1/state"


def test_a_task_protects_itself_for_two_hours_where_it_says_no_time(world: TasksWorld) -> None:
    _, (task,), (environment,) = running(world, MAY_PROTECT)
    status, said = http("PUT", state(environment), {"ProtectionEnabled": True})
    held = said["protection"]
    assert (status, held["ProtectionEnabled"], held["TaskArn"]) == (200, True, task["taskArn"])
    ends = datetime.strptime(held["ExpirationDate"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    assert 7190 <= ends.timestamp() - world.tasks.now() <= 7200
    assert http("GET", state(environment)) == (200, said)


@pytest.mark.parametrize("minutes", [0, 2881])
def test_the_time_of_a_protection_has_its_limits(world: TasksWorld, minutes: int) -> None:
    _, _, (environment,) = running(world, MAY_PROTECT)
    given = {"ProtectionEnabled": True, "ExpiresInMinutes": minutes}
    status, said = http("PUT", state(environment), given)
    assert (status, said["error"]["Code"]) == (400, "InvalidParameterException")


def test_a_task_whose_role_may_not_protect_it_is_refused(world: TasksWorld) -> None:
    _, _, (environment,) = running(world)
    status, said = http("PUT", state(environment), {"ProtectionEnabled": True})
    assert (status, said["error"]["Code"]) == (400, "AccessDeniedException")
    assert "ecs:UpdateTaskProtection" in said["error"]["Message"]


def test_a_body_that_is_no_request_is_refused(world: TasksWorld) -> None:
    _, _, (environment,) = running(world, MAY_PROTECT)
    status, said = http("PUT", state(environment), ["ProtectionEnabled"])
    assert (status, said["error"]["Code"]) == (400, "InvalidParameterException")


def test_a_protected_task_survives_a_scale_in_until_it_says_otherwise(world: TasksWorld) -> None:
    service, (old, new), (_, environment) = running(world, MAY_PROTECT, desired=2)
    http("PUT", state(environment), {"ProtectionEnabled": True, "ExpiresInMinutes": 60})
    service.update(desiredCount=1)
    assert service.stopped()[0]["taskArn"] == old["taskArn"]
    service.update(desiredCount=0)
    assert [task["taskArn"] for task in service.running(1)] == [new["taskArn"]]
    http("PUT", state(environment), {"ProtectionEnabled": False})
    assert service.stopped(2)[-1]["taskArn"] == new["taskArn"]


def test_a_protection_ends_with_its_time(world: TasksWorld) -> None:
    service, _, (environment,) = running(world, MAY_PROTECT)
    http("PUT", state(environment), {"ProtectionEnabled": True, "ExpiresInMinutes": 1})
    service.update(desiredCount=0)
    assert service.running(1)
    world.pass_time(61)
    service.stopped()


def test_a_deployment_leaves_a_protected_task_alone_until_it_says_otherwise(world: TasksWorld) -> None:
    service, (old,), (environment,) = running(world, MAY_PROTECT)
    http("PUT", state(environment), {"ProtectionEnabled": True})
    service.update(taskDefinition=world.definition(world.image(WAITS)))
    assert old["taskArn"] in [task["taskArn"] for task in service.running(2)]
    assert service.primary()["rolloutState"] == "IN_PROGRESS"
    http("PUT", state(environment), {"ProtectionEnabled": False})
    service.rolled_out()
    assert [task["taskArn"] for task in service.stopped()] == [old["taskArn"]]


def test_the_api_tells_of_protections_and_of_tasks_that_are_not_there(world: TasksWorld) -> None:
    service, (task,), _ = running(world)
    named = {"cluster": service.cluster, "tasks": [task["taskArn"]]}
    service.ecs.update_task_protection(**named, protectionEnabled=True, expiresInMinutes=5)
    held = service.ecs.get_task_protection(**named)["protectedTasks"]
    assert [one["protectionEnabled"] for one in held] == [True]
    missing = service.ecs.get_task_protection(cluster=service.cluster, tasks=["none"])["failures"]
    assert [one["reason"] for one in missing] == ["TASK_NOT_VALID"]
    with pytest.raises(ClientError, match="InvalidParameterException"):
        service.ecs.update_task_protection(**named, protectionEnabled=True, expiresInMinutes=0)


def test_credentials_are_given_to_the_bearer_of_the_token_alone(world: TasksWorld) -> None:
    _, (task,), (environment,) = running(world)
    url, token = (
        environment[f"AWS_CONTAINER_{name}"] for name in ("CREDENTIALS_FULL_URI", "AUTHORIZATION_TOKEN")
    )
    assert http("GET", url)[0] == http("GET", url, Authorization="another")[0] == 403
    status, said = http("GET", url, Authorization=token)
    assert (status, said["RoleArn"]) == (200, role_of(world, task))
    assert all(said[name] for name in ("AccessKeyId", "SecretAccessKey", "Token"))


def test_credentials_are_renewed_before_they_end(world: TasksWorld) -> None:
    _, _, (environment,) = running(world)
    url, token = (
        environment[f"AWS_CONTAINER_{name}"] for name in ("CREDENTIALS_FULL_URI", "AUTHORIZATION_TOKEN")
    )
    first = http("GET", url, Authorization=token)[1]
    assert http("GET", url, Authorization=token)[1] == first
    world.pass_time(1900)
    later = http("GET", url, Authorization=token)[1]
    assert later["AccessKeyId"] != first["AccessKeyId"]
    assert later["Expiration"] > first["Expiration"]


def test_a_task_without_a_role_has_no_credentials(world: TasksWorld) -> None:
    (task,) = world.service(world.definition(world.image(TELLS))).running(1)
    environment = json.loads(world.said(task)[0])
    assert "AWS_CONTAINER_CREDENTIALS_FULL_URI" not in environment


def test_the_metadata_name_the_task_and_its_containers(world: TasksWorld) -> None:
    service, (task,), (environment,) = running(world)
    base = environment["ECS_CONTAINER_METADATA_URI_V4"]
    said = http("GET", f"{base}/task")[1]
    assert said["TaskARN"] == task["taskArn"]
    assert (said["ServiceName"], said["KnownStatus"]) == (service.name, "RUNNING")
    assert http("GET", base)[1]["Name"] == "agent"


def test_the_agent_knows_no_task_that_has_ended(world: TasksWorld) -> None:
    service, _, (environment,) = running(world, MAY_PROTECT)
    service.update(desiredCount=0)
    service.stopped()
    wait_for(lambda: http_status(state(environment)) == 404)


def http_status(url: str) -> int:
    try:
        with urllib.request.urlopen(url, timeout=PATIENCE_SECONDS) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code
