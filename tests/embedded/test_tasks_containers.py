"""What a container of a service finds: its image, its environment and its role's credentials."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.embedded.functions_world import REGION
from tests.embedded.tasks_world import WAITS, TasksWorld, tasks_world

TELLS = (
    """
import json, os, sys, tempfile
print(json.dumps({
    "environment": dict(os.environ),
    "here": os.getcwd(),
    "files": {name: os.stat(name).st_mode & 0o222 for name in os.listdir()},
    "temporary": tempfile.gettempdir(),
    "arguments": sys.argv,
}), flush=True)
"""
    + WAITS
)

ITEM = (
    """
import os, boto3
table = boto3.client("dynamodb")
table.put_item(TableName=os.environ["TABLE"], Item={"pk": {"S": os.environ["KEY"]}})
print("written", flush=True)
"""
    + WAITS
)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TasksWorld]:
    with tasks_world(tmp_path_factory.mktemp("tasks")) as made:
        yield made


def told(world: TasksWorld, container: dict[str, Any], **settings: Any) -> Any:
    """What a container says of itself, in its first line."""
    (task,) = world.service(world.definition(container, **settings)).running(1)
    return json.loads(world.said(task)[0])


def test_a_service_runs_the_program_of_its_image_in_a_folder_of_the_image(world: TasksWorld) -> None:
    said = told(world, world.image(TELLS, **{"bundle.json": "{}"}))
    assert said["files"].keys() >= {"main.py", "bundle.json"}
    assert said["environment"]["PYTHONPATH"] == said["here"]


def test_no_task_may_change_the_files_of_an_image(world: TasksWorld) -> None:
    said = told(world, world.image(TELLS, **{"bundle.json": "{}"}))
    assert said["files"]["main.py"] == said["files"]["bundle.json"] == 0


def test_tasks_share_an_image_and_have_temporary_folders_of_their_own(world: TasksWorld) -> None:
    tasks = world.service(world.definition(world.image(TELLS)), 2).running(2)
    first, second = (json.loads(world.said(task)[0]) for task in tasks)
    assert first["here"] == second["here"]
    assert first["temporary"] != second["temporary"]


def test_an_entry_point_comes_before_the_command(world: TasksWorld) -> None:
    image = world.image(TELLS)
    said = told(world, {**image, "entryPoint": image["command"], "command": ["work", "--fast"]})
    assert said["arguments"][1:] == ["work", "--fast"]


def test_a_container_has_the_environment_that_fargate_gives_it(world: TasksWorld) -> None:
    declared = [{"name": "AGENT_NAME", "value": "a"}, {"name": "AWS_REGION", "value": "elsewhere"}]
    said = told(world, {**world.image(TELLS), "environment": declared}, taskRoleArn=world.role())
    environment = said["environment"]
    assert environment["AGENT_NAME"] == "a"
    assert environment["AWS_REGION"] == environment["AWS_DEFAULT_REGION"] == REGION
    assert environment["AWS_EXECUTION_ENV"] == "AWS_ECS_FARGATE"
    assert environment["AWS_ENDPOINT_URL"] == world.url
    for name in (
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN",
        "ECS_AGENT_URI",
        "ECS_CONTAINER_METADATA_URI_V4",
    ):
        assert environment[name]


def test_nothing_of_the_developers_environment_reaches_a_container(
    world: TasksWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "PIP_INDEX_URL", "MY_TOKEN"):
        monkeypatch.setenv(name, "leaks")
    environment = told(world, world.image(TELLS))["environment"]
    assert "leaks" not in environment.values()
    assert environment["HOME"] == environment["TMPDIR"]


def test_boto3_in_a_container_acts_as_the_task_role(world: TasksWorld) -> None:
    world.client("dynamodb").create_table(
        TableName="items",
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
    )
    role = world.role({"Effect": "Allow", "Action": "dynamodb:PutItem", "Resource": "*"})
    given = [{"name": "TABLE", "value": "items"}, {"name": "KEY", "value": "allowed"}]
    container = {**world.image(ITEM), "environment": given}
    (task,) = world.service(world.definition(container, taskRoleArn=role)).running(1)
    assert world.said(task)[0] == "written"
    assert world.client("dynamodb").get_item(TableName="items", Key={"pk": {"S": "allowed"}})["Item"]

    refused = world.service(world.definition(container, taskRoleArn=world.role())).stopped()[0]
    assert "AccessDenied" in world.lines(refused)[-1]


@pytest.mark.parametrize(
    ("image", "says"),
    [
        ("public.ecr.aws/docker/library/python:3.11", "runs only images of the form this-machine/NAME"),
        (f"this-machine/agent@sha256:{'0' * 64}", "has the digest sha256:"),
    ],
)
def test_a_task_whose_image_cannot_run_here_stops_and_says_why(
    world: TasksWorld, image: str, says: str
) -> None:
    service = world.service(world.definition({**world.image(WAITS), "image": image}))
    stopped = service.stopped()[0]
    assert stopped["stoppedReason"].startswith("CannotPullContainerError: ")
    assert says in stopped["stoppedReason"]
    assert stopped["stopCode"] == "TaskFailedToStart"
    assert service.held()["runningCount"] == 0


def test_a_task_whose_archive_is_gone_stops_and_says_why(world: TasksWorld) -> None:
    image = world.image("print('of its own')\n")
    (world.folder / f"{image['image'].rsplit(':', 1)[1]}.zip").unlink()
    stopped = world.service(world.definition(image)).stopped()[0]
    assert "No such file" in stopped["stoppedReason"]


def test_a_task_whose_program_does_not_exist_stops_and_says_why(world: TasksWorld) -> None:
    stopped = world.service(world.definition({**world.image(WAITS), "command": ["/no/such"]})).stopped()[0]
    assert stopped["stoppedReason"].startswith("CannotStartContainerError: ")


def test_the_end_of_an_essential_container_stops_the_others(world: TasksWorld) -> None:
    main = world.image("raise SystemExit(3)\n")
    beside = {**world.image(WAITS), "name": "beside", "essential": False}
    stopped = world.service(world.definition(beside, main)).stopped()[0]
    assert stopped["stoppedReason"] == "Essential container in task exited"
    assert stopped["stopCode"] == "EssentialContainerExited"
    codes = {one["name"]: one["exitCode"] for one in stopped["containers"]}
    assert codes == {"agent": 3, "beside": 0} or codes == {"agent": 3, "beside": 143}


def test_the_end_of_a_container_that_is_not_essential_stops_nothing(world: TasksWorld) -> None:
    beside = {**world.image("print('done')\n"), "name": "beside", "essential": False}
    service = world.service(world.definition(beside, world.image(WAITS)))
    (task,) = service.running(1)
    assert service.rolled_out()["runningCount"] == 1
    assert world.lines(task, "beside") == ["done"]
    assert service.tasks("STOPPED") == []
