"""What each role of an agent on ECS may do: its own work goes through, and the next agent's does not.

The policies are judged by the embedded cloud's authoriser, on the requests that boto3 really makes.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pulumi
import pytest
from botocore.exceptions import ClientError

from agent_hosting import _ecs_access, _queue_access, statements
from agent_runtime.bundle import ModelSpec
from tests.components.recorder import value
from tests.components.samples import BEDROCK, IMAGE, MODEL
from tests.embedded.authorizer_world import World, arn, policy, world

AGENT, TABLE, CONTROL, BUCKET = "handbook", "runs", "control", "large-items"
CLUSTER = arn("ecs", "cluster/workers")
KEY = arn("kms", "key/1")
SECRET = arn("secretsmanager", "secret:api-key-AbCdEf")
LOG: Any = SimpleNamespace(arn=arn("logs", "log-group:handbook"))
SCOPE: Any = SimpleNamespace(key_arn=KEY)


def surroundings(*, encrypted: bool = False) -> _queue_access.Surroundings:
    checkpoints: Any = SimpleNamespace(
        table_arn=arn("dynamodb", f"table/{TABLE}"), bucket_arn=f"arn:aws:s3:::{BUCKET}", key_arn=KEY
    )
    queues = pulumi.Output.from_input({"a": arn("sqs", "handbook-a"), "b": arn("sqs", "handbook-b")})
    return _queue_access.Surroundings(
        AGENT, checkpoints, encrypted, arn("dynamodb", f"table/{CONTROL}"), KEY, queues
    )


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
        model=ModelSpec.model_validate(model),
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
    """Tables, queues and a bucket of two agents: `handbook`, and `handbook-2` whose name begins alike."""
    with world(tmp_path) as made:
        dynamodb, sqs, s3 = made.admin("dynamodb"), made.admin("sqs"), made.admin("s3")
        for table, keys in ((TABLE, ("pk", "sk")), (CONTROL, ("agent", "item"))):
            names = [*keys, *(("due_shard",) if table == TABLE else ())]
            index = {
                "IndexName": "due",
                "KeySchema": [{"AttributeName": "due_shard", "KeyType": "HASH"}],
                "Projection": {"ProjectionType": "KEYS_ONLY"},
            }
            dynamodb.create_table(
                TableName=table,
                KeySchema=[
                    {"AttributeName": k, "KeyType": t} for k, t in zip(keys, ("HASH", "RANGE"), strict=True)
                ],
                AttributeDefinitions=[{"AttributeName": n, "AttributeType": "S"} for n in names],
                BillingMode="PAY_PER_REQUEST",
                **({"GlobalSecondaryIndexes": [index]} if table == TABLE else {}),
            )
        for queue in ("handbook-a", "handbook-b", "handbook-a-dead", "handbook-2-a"):
            sqs.create_queue(QueueName=queue)
        s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        for agent in (AGENT, "handbook-2"):
            for key in ("acme/runs/1.json", "acme/uploads/1.json"):
                s3.put_object(Bucket=BUCKET, Key=f"{agent}/{key}", Body=b"{}")
        yield made


def url(queue: str) -> str:
    return f"https://sqs.eu-west-1.amazonaws.com/123456789012/{queue}"


def row(agent: str) -> dict[str, Any]:
    return {"pk": {"S": f"{agent}#acme#run"}, "sk": {"S": "head"}}


def item(agent: str) -> dict[str, Any]:
    return {"agent": {"S": agent}, "item": {"S": "traffic"}}


def query(agent: str) -> dict[str, Any]:
    return {"KeyConditionExpression": "pk = :p", "ExpressionAttributeValues": {":p": row(agent)["pk"]}}


def due(agent: str) -> dict[str, Any]:
    values = {":d": {"S": f"{agent}#7"}}
    return {
        "IndexName": "due",
        "KeyConditionExpression": "due_shard = :d",
        "ExpressionAttributeValues": values,
    }


SET = {"UpdateExpression": "SET seen = :s", "ExpressionAttributeValues": {":s": {"S": "yes"}}}
CALLS: dict[str, Any] = {
    "get a run": lambda c, a: c("dynamodb").get_item(TableName=TABLE, Key=row(a)),
    "put a run": lambda c, a: c("dynamodb").put_item(TableName=TABLE, Item=row(a)),
    "update a run": lambda c, a: c("dynamodb").update_item(TableName=TABLE, Key=row(a), **SET),
    "read a run's steps": lambda c, a: c("dynamodb").query(TableName=TABLE, **query(a)),
    "find due runs": lambda c, a: c("dynamodb").query(TableName=TABLE, **due(a)),
    "get many": lambda c, a: c("dynamodb").batch_get_item(RequestItems={TABLE: {"Keys": [row(a)]}}),
    "delete a run": lambda c, a: c("dynamodb").delete_item(TableName=TABLE, Key=row(a)),
    "read the control table": lambda c, a: c("dynamodb").batch_get_item(
        RequestItems={CONTROL: {"Keys": [item(a)]}}
    ),
    "read the brake": lambda c, a: c("dynamodb").get_item(TableName=CONTROL, Key=item(a)),
    "write the control table": lambda c, a: c("dynamodb").put_item(TableName=CONTROL, Item=item(a)),
    "read a large item": lambda c, a: c("s3").get_object(Bucket=BUCKET, Key=f"{a}/acme/runs/1.json"),
    "read an upload": lambda c, a: c("s3").get_object(Bucket=BUCKET, Key=f"{a}/acme/uploads/1.json"),
    "write a large item": lambda c, a: c("s3").put_object(Bucket=BUCKET, Key=f"{a}/acme/2.json", Body=b"{}"),
    "send a run": lambda c, a: c("sqs").send_message(QueueUrl=url(f"{a}-a"), MessageBody="{}"),
    "take a run": lambda c, a: c("sqs").receive_message(QueueUrl=url(f"{a}-a")),
    "look at a queue": lambda c, a: c("sqs").get_queue_attributes(
        QueueUrl=url(f"{a}-a"), AttributeNames=["All"]
    ),
}
"""Calls on what belongs to the agent `a`; `c` makes a client."""
RUNS = {"get a run", "put a run", "update a run", "read a run's steps"}
CONTROLLED = {"read the control table", "read the brake"}
MAY = {
    "worker": RUNS
    | CONTROLLED
    | {"get many", "read a large item", "read an upload", "write a large item"}
    | {"send a run", "take a run", "look at a queue"},
    "submit": CONTROLLED | {"put a run", "read an upload", "write a large item", "send a run"},
    "status": RUNS | {"read a large item", "read an upload", "send a run"},
    "reaper": RUNS | CONTROLLED | {"find due runs", "send a run"},
}


@pytest.mark.parametrize("role", MAY)
def test_a_role_may_do_its_work_and_no_more_and_nothing_of_the_next_agents(aws: World, role: str) -> None:
    boundary = aws.admin("iam").create_policy(
        PolicyName="boundary", PolicyDocument=policy(*value(statements.boundary))
    )["Policy"]["Arn"]
    held = aws.authorizer.issue(aws.role(role, *of(role), PermissionsBoundary=boundary), "run-1")
    clients: dict[str, Any] = {}

    def client(service: str) -> Any:
        return clients.setdefault(service, clients.get(service) or aws.client(service, held))

    def allowed(call: Any, agent: str) -> bool:
        try:
            call(client, agent)
        except ClientError as error:
            if not error.response["Error"]["Code"].startswith("AccessDenied"):
                raise
            return False
        return True

    assert {label for label, call in CALLS.items() if allowed(call, AGENT)} == MAY[role]
    assert {label for label, call in CALLS.items() if allowed(call, "handbook-2")} == set()


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
