"""Secrets in a container's environment: fetched by the execution role, as the policies allow."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.embedded.tasks_world import GROUP, WAITS, TasksWorld, tasks_world

TELLS = "import os\nprint(os.environ['GIVEN'], flush=True)\n" + WAITS
MAY_LOG: Any = {"Effect": "Allow", "Action": "logs:CreateLogStream", "Resource": "*"}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TasksWorld]:
    with tasks_world(tmp_path_factory.mktemp("tasks")) as made:
        yield made


@pytest.fixture(scope="module")
def secret(world: TasksWorld) -> str:
    value = json.dumps({"key": "of the key", "count": 3})
    return str(world.client("secretsmanager").create_secret(Name="model", SecretString=value)["ARN"])


def service(world: TasksWorld, place: str, *statements: Any) -> Any:
    container = {**world.image(TELLS), "secrets": [{"name": "GIVEN", "valueFrom": place}]}
    assert world.execution_role, f"the log group {GROUP}"
    return world.service(world.definition(container, executionRoleArn=world.role(MAY_LOG, *statements)))


def given(world: TasksWorld, place: str, *statements: Any) -> str:
    (task,) = service(world, place, *statements).running(1)
    return world.said(task)[0]


def may_read(secret: str) -> Any:
    return {"Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": secret}


def test_a_secret_arrives_whole_where_only_its_arn_is_named(world: TasksWorld, secret: str) -> None:
    assert json.loads(given(world, secret, may_read(secret))) == {"key": "of the key", "count": 3}


def test_one_key_of_a_secret_arrives_where_the_arn_names_it(world: TasksWorld, secret: str) -> None:
    assert given(world, f"{secret}:key:AWSCURRENT:", may_read(secret)) == "of the key"


def test_a_parameter_arrives_by_its_arn(world: TasksWorld) -> None:
    ssm = world.client("ssm")
    ssm.put_parameter(Name="/team/limit", Value="42", Type="SecureString")
    arn = ssm.get_parameter(Name="/team/limit")["Parameter"]["ARN"]
    assert given(world, arn, {"Effect": "Allow", "Action": "ssm:GetParameters", "Resource": arn}) == "42"


@pytest.mark.parametrize(
    ("suffix", "statements", "says"),
    [
        ("", [], "AccessDeniedException"),
        (":nothing::", ["may read"], "did not contain json key nothing"),
        ("::AWSPENDING:", ["may read"], "ResourceNotFoundException"),
    ],
)
def test_a_task_whose_secret_cannot_be_had_does_not_start(
    world: TasksWorld, secret: str, suffix: str, statements: list[str], says: str
) -> None:
    refused = service(world, f"{secret}{suffix}", *(may_read(secret) for _ in statements))
    stopped = refused.stopped()[0]
    assert stopped["stoppedReason"].startswith("ResourceInitializationError: ")
    assert says in stopped["stoppedReason"]
    assert stopped["stopCode"] == "TaskFailedToStart"


def test_a_task_whose_execution_role_may_not_log_does_not_start(world: TasksWorld) -> None:
    assert world.execution_role
    definition = world.definition(world.image(WAITS), executionRoleArn=world.role())
    stopped = world.service(definition).stopped()[0]
    assert stopped["stoppedReason"].startswith("ResourceInitializationError: failed to validate logger args")


def test_a_task_whose_log_group_is_missing_does_not_start(world: TasksWorld) -> None:
    log = {"logDriver": "awslogs", "options": {"awslogs-group": "none", "awslogs-stream-prefix": "p"}}
    stopped = world.service(world.definition({**world.image(WAITS), "logConfiguration": log})).stopped()[0]
    assert "ResourceNotFoundException" in stopped["stoppedReason"]


def test_a_log_group_is_made_where_the_options_say_so(world: TasksWorld) -> None:
    options = {"awslogs-group": "made", "awslogs-stream-prefix": "p", "awslogs-create-group": "true"}
    log = {"logDriver": "awslogs", "options": options}
    world.service(world.definition({**world.image(WAITS), "logConfiguration": log})).running(1)
    assert world.client("logs").describe_log_groups(logGroupNamePrefix="made")["logGroups"]


def test_an_embedded_metric_that_a_container_prints_is_counted(world: TasksWorld) -> None:
    line = {
        "_aws": {
            "Timestamp": 1_790_000_000_000,
            "CloudWatchMetrics": [
                {"Namespace": "Agents", "Dimensions": [[]], "Metrics": [{"Name": "Runs", "Unit": "Count"}]}
            ],
        },
        "Runs": 7,
    }
    program = f"print({json.dumps(json.dumps(line))}, flush=True)\n" + WAITS
    (task,) = world.service(world.definition(world.image(program))).running(1)
    world.said(task, 2)
    found = world.client("cloudwatch").list_metrics(Namespace="Agents")["Metrics"]
    assert [metric["MetricName"] for metric in found] == ["Runs"]
