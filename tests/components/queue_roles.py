"""Two agents whose runs wait in queues, and every call that a role of one of them may or may not make.

The policies are judged by the embedded cloud's authoriser, on the requests that boto3 really makes.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pulumi
from botocore.exceptions import ClientError

from agent_hosting import _boundaries, _queue_access
from tests.components.recorder import value
from tests.embedded.authorizer_world import World, arn, policy, world

AGENT, TABLE, CONTROL, BUCKET = "handbook", "runs", "control", "large-items"
KEY = arn("kms", "key/1")
SECRET = arn("secretsmanager", "secret:api-key-AbCdEf")
LOG: Any = SimpleNamespace(arn=arn("logs", "log-group:handbook"))


def surroundings(*, encrypted: bool = False) -> _queue_access.Surroundings:
    checkpoints: Any = SimpleNamespace(
        table_arn=arn("dynamodb", f"table/{TABLE}"), bucket_arn=f"arn:aws:s3:::{BUCKET}", key_arn=KEY
    )
    queues = pulumi.Output.from_input({"a": arn("sqs", "handbook-a"), "b": arn("sqs", "handbook-b")})
    return _queue_access.Surroundings(
        AGENT, checkpoints, encrypted, arn("dynamodb", f"table/{CONTROL}"), KEY, queues
    )


@contextmanager
def two_agents(folder: Path) -> Iterator[World]:
    """Tables, queues and a bucket of two agents: `handbook`, and `handbook-2` whose name begins alike."""
    with world(folder) as made:
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


def allowed(aws: World, name: str, role: Any) -> tuple[set[str], set[str]]:
    """Labels of the calls that a role of these statements may make: on its own agent's, and on the next's."""
    boundary = aws.admin("iam").create_policy(
        PolicyName="boundary", PolicyDocument=policy(*value(_boundaries.boundary))
    )["Policy"]["Arn"]
    held = aws.authorizer.issue(aws.role(name, *role, PermissionsBoundary=boundary), "run-1")
    clients: dict[str, Any] = {}

    def client(service: str) -> Any:
        return clients.setdefault(service, clients.get(service) or aws.client(service, held))

    def is_allowed(call: Any, agent: str) -> bool:
        try:
            call(client, agent)
        except ClientError as error:
            if not error.response["Error"]["Code"].startswith("AccessDenied"):
                raise
            return False
        return True

    own, next_ones = (
        {label for label, call in CALLS.items() if is_allowed(call, agent)} for agent in (AGENT, "handbook-2")
    )
    return own, next_ones
