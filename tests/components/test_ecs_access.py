"""What each role of an agent on ECS may do: its own work goes through, and the next agent's does not."""

import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pulumi
import pytest
from botocore.exceptions import ClientError

from agent_hosting import _ecs_access, _queue_access
from agent_runtime.bundle import ModelSpec
from tests.components.queue_roles import (
    CONTROLLED,
    KEY,
    LOG,
    RUNS,
    SECRET,
    allowed,
    surroundings,
    two_agents,
    url,
)
from tests.components.recorder import value
from tests.components.samples import BEDROCK, IMAGE, MODEL
from tests.embedded.authorizer_world import World, arn

CLUSTER = arn("ecs", "cluster/workers")


def worker(*, encrypted: bool = False, secrets: bool = False, model: Any = MODEL) -> Any:
    scope = None
    if secrets:
        scope = SimpleNamespace(key_arn=KEY, secret_arns=pulumi.Output.from_input({"api-key": SECRET}))
    return _ecs_access.worker(
        surroundings(encrypted=encrypted),
        None,  # type: ignore[arg-type]
        cluster_arn=CLUSTER,
        dead_letter_queue_arns=pulumi.Output.from_input({"a": arn("sqs", "handbook-a-dead")}),
        scope=scope,  # type: ignore[arg-type]
        models={"default": ModelSpec.model_validate(model)},
    )


def of(role: str) -> list[dict[str, Any]]:
    make = {
        "worker": worker,
        "submit": lambda: _queue_access.submit(surroundings(), LOG),
        "status": lambda: _queue_access.status(surroundings(), LOG),
        "reaper": lambda: _queue_access.reaper(surroundings(), LOG),
    }[role]
    return value(make)


@pytest.fixture
def aws(tmp_path: Path) -> Iterator[World]:
    with two_agents(tmp_path) as made:
        yield made


MAY = {
    "worker": RUNS
    | CONTROLLED
    | {"get many", "read a large item", "read an upload", "write a large item"}
    | {"send a run", "take a run", "look at a queue"},
    "submit": CONTROLLED | {"put a run", "read an upload", "write a large item", "send a run"},
    "status": RUNS | {"read a large item", "read an upload", "send a run"},
    "reaper": RUNS | {"find due runs", "send a run"},
}


@pytest.mark.parametrize("role", MAY)
def test_a_role_may_do_its_work_and_no_more_and_nothing_of_the_next_agents(aws: World, role: str) -> None:
    assert allowed(aws, role, of(role)) == (MAY[role], set())


@pytest.mark.parametrize(
    ("queue", "sent"), [("handbook-b", True), ("handbook-a-dead", True), ("handbook-2-a", False)]
)
def test_a_worker_sends_to_queues_of_its_own_agent_and_buries_what_cannot_be_read(
    aws: World, queue: str, sent: bool
) -> None:
    sqs = aws.caller("sqs", *of("worker"))
    if sent:
        sqs.send_message(QueueUrl=url(queue), MessageBody="{}")
        return
    with pytest.raises(ClientError, match=r"(?i)sqs:sendmessage"):
        sqs.send_message(QueueUrl=url(queue), MessageBody="{}")


def test_a_worker_protects_tasks_of_its_own_cluster_alone() -> None:
    (found,) = [s for s in of("worker") if s["Sid"] == "ProtectOwnTask"]
    assert found["Action"] == "ecs:UpdateTaskProtection"
    assert found["Resource"] == arn("ecs", "task/workers/*")


def test_keys_are_used_by_way_of_the_services_that_hold_the_agents_data() -> None:
    for encrypted, large, services in (
        (False, True, {"sqs"}),
        (True, True, {"sqs", "dynamodb", "s3"}),
        (True, False, {"sqs", "dynamodb"}),
    ):
        found = value(lambda e=encrypted, many=large: surroundings(encrypted=e).keys(large_items=many))
        through = {s["Condition"]["StringEquals"]["kms:ViaService"].split(".")[0]: s["Action"] for s in found}
        assert set(through) == services
        assert through["sqs"] == ["kms:Decrypt", "kms:GenerateDataKey"]
        assert through.get("dynamodb", ["kms:Decrypt"]) == ["kms:Decrypt"]


def test_a_worker_reads_its_own_secrets_by_exact_arn_and_calls_its_own_model() -> None:
    found = {s["Sid"]: s for s in value(lambda: worker(secrets=True, model=BEDROCK))}
    assert found["ReadOwnSecrets"]["Resource"] == [SECRET]
    assert found["UseKeyThroughSecretsmanager"]["Resource"] == KEY
    assert found["CallOwnModel"]["Action"] == "bedrock:InvokeModel"
    without = {s["Sid"] for s in of("worker")}
    assert without.isdisjoint({"ReadOwnSecrets", "CallOwnModel"})


def execution(images: list[str], secrets: list[str]) -> dict[str, Any]:
    def make() -> Any:
        scope = SimpleNamespace(
            key_arn=KEY, secret_arns=pulumi.Output.from_input({"api-key": SECRET, "b": "x"})
        )
        return _ecs_access.execution(LOG, pulumi.Output.from_input(images), scope, secrets)  # type: ignore[arg-type]

    return {s["Sid"]: s for s in value(make)}


def test_the_execution_role_opens_logs_pulls_its_images_and_reads_the_secrets_of_variables() -> None:
    found = execution([IMAGE, IMAGE, "ghcr.io/acme/agent@sha256:0"], ["api-key"])
    assert set(found) == {
        "WriteOwnLogs",
        "ReadOwnSecrets",
        "UseKeyThroughSecretsmanager",
        "LogInToRegistry",
        "PullOwnImages",
    }
    assert found["PullOwnImages"]["Resource"] == [arn("ecr", "repository/agents/handbook")]
    assert found["ReadOwnSecrets"]["Resource"] == [SECRET]


def test_an_image_of_another_registry_and_no_variable_need_no_right_of_aws() -> None:
    assert set(execution(["ghcr.io/acme/agent@sha256:0", "this-machine/a@sha256:0"], [])) == {"WriteOwnLogs"}


def test_the_task_role_and_the_execution_role_share_nothing_but_secrets() -> None:
    one = {json.dumps(s["Action"]) for s in of("worker")}
    other = {json.dumps(s["Action"]) for s in execution([IMAGE], []).values()}
    assert one.isdisjoint(other)
