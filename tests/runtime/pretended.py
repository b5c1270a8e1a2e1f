"""AWS as moto pretends it, with the tables, bucket, secret and queues of one agent."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, cached_property
from typing import Any

import boto3
import pytest
from moto import mock_aws

from agent_runtime.blobs import BlobStore
from agent_runtime.brake import BrakeReader
from agent_runtime.bundle import Bundle
from agent_runtime.checkpoint_table import CheckpointTable
from agent_runtime.checkpoints import CheckpointStore
from agent_runtime.entrypoints import Agent
from agent_runtime.hosts.held import Job
from agent_runtime.hosts.job import JobDone, work_on
from agent_runtime.hosts.queue import Queue, Received
from agent_runtime.models.client import ModelClient
from agent_runtime.runner import Runner
from agent_runtime.secrets import SecretReader
from agent_runtime.spend.caps import SpendCaps
from agent_runtime.spend.ledger import Ledger
from agent_runtime.telemetry.spans import NO_SPANS, Spans
from agent_runtime.tools.calling import Gateway
from tests.runtime.stores import emptied

TABLE, BUCKET, CONTROL = "checkpoints", "checkpoint-blobs", "control"
SECRET_TEXT = "sk-do-not-show-7f3a"


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self, now: float = 1_800_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def skewed(self, seconds: float) -> Callable[[], float]:
        return lambda: self.now + seconds


@cache
def _client(service: str) -> Any:
    """Made once, since that costs more than most tests; moto answers with whatever AWS is pretended at the
    time."""
    return boto3.session.Session().client(service)


class Aws:
    """Tables, bucket and secret of one agent, and stores on them."""

    def __init__(self, dynamodb: Any) -> None:
        self.clock = Clock()
        self.dynamodb = emptied(dynamodb)
        self.s3, self.secretsmanager = (_client(n) for n in ("s3", "secretsmanager"))
        due = {"IndexName": "due", "Projection": {"ProjectionType": "KEYS_ONLY"}}
        indexes = [{**due, "KeySchema": _keys("due_shard", "due_at")}]
        self._make_table(TABLE, "pk", "sk", due_shard="S", due_at="N", GlobalSecondaryIndexes=indexes)
        self._make_table(CONTROL, "agent", "item")
        self.s3.create_bucket(Bucket=BUCKET)
        secret = self.secretsmanager.create_secret(Name="dev/answers/model-api-key", SecretString=SECRET_TEXT)
        self.secret_arn: str = secret["ARN"]

    def store(
        self, client: Any = None, clock: Callable[[], float] | None = None, inline_bytes: int = 350 * 1024
    ) -> CheckpointStore:
        blobs = BlobStore(self.s3, BUCKET, inline_bytes)
        dynamodb = client or self.dynamodb
        return CheckpointStore(dynamodb, TABLE, blobs, agent="answers", clock=clock or self.clock)

    def _make_table(self, name: str, first: str, second: str, **more: Any) -> None:
        types = {first: "S", second: "S"} | {key: more.pop(key) for key in ("due_shard", "due_at") if more}
        self.dynamodb.create_table(
            TableName=name,
            KeySchema=_keys(first, second),
            AttributeDefinitions=[{"AttributeName": k, "AttributeType": t} for k, t in types.items()],
            BillingMode="PAY_PER_REQUEST",
            **more,
        )

    @cached_property
    def sqs(self) -> Any:
        """Has the queue `runs`, whose messages go to `runs-dead` after their third receive."""
        sqs = _client("sqs")
        url = sqs.create_queue(QueueName="runs-dead")["QueueUrl"]
        dead = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        redrive = json.dumps({"deadLetterTargetArn": dead, "maxReceiveCount": 3})
        sqs.create_queue(QueueName="runs", Attributes={"RedrivePolicy": redrive})
        return sqs

    def queue(self, client: Any = None, name: str = "runs") -> Queue:
        return Queue(client or self.sqs, self.sqs.get_queue_url(QueueName=name)["QueueUrl"])

    def work_on(
        self,
        received: Received,
        runner: Runner,
        bundle_id: str,
        store: CheckpointStore | None = None,
        **how: Any,
    ) -> JobDone:
        """One worker's time with a message; `how` replaces arguments of `agent_runtime.hosts.job.work_on`."""
        given: dict[str, Any] = {
            "lease_seconds": 30,
            "max_receives": 3,
            "interruption": lambda: None,
            "jitter": lambda: 0.0,
            **how,
        }
        return work_on(
            Job(received), self.queue(), store or self.store(), runner, bundle_id=bundle_id, **given
        )

    def items(self, table: str = TABLE) -> list[dict[str, Any]]:
        return self.dynamodb.scan(TableName=table)["Items"]

    def steps(self, run_id: str) -> list[dict[str, Any]]:
        reply = self.dynamodb.query(
            TableName=TABLE,
            KeyConditionExpression="pk = :pk AND begins_with(sk, :step)",
            ExpressionAttributeValues={":pk": {"S": f"answers#acme#{run_id}"}, ":step": {"S": "step#"}},
        )
        return reply["Items"]

    def secrets(self) -> SecretReader:
        return SecretReader(self.secretsmanager, {"model-api-key": self.secret_arn}, clock=self.clock)

    def brake(self) -> BrakeReader:
        return BrakeReader(self.dynamodb, CONTROL, "answers", self.clock)

    def ledger(self, caps: dict[str, Any]) -> Ledger:
        table = CheckpointTable(self.dynamodb, TABLE)
        given = SpendCaps.model_validate(caps)
        return Ledger(table, "answers", given, clock=self.clock, monotonic=self.clock)

    def runner(
        self,
        agent: Agent,
        provider: Any,
        bundle: Bundle,
        store: CheckpointStore | None = None,
        caps: dict[str, Any] | None = None,
        spans: Spans = NO_SPANS,
        gateway: Gateway | None = None,
    ) -> Runner:
        return Runner(
            agent,
            bundle=bundle,
            store=store or self.store(),
            brake=self.brake(),
            secrets=self.secrets(),
            models=ModelClient(bundle.model, provider),
            ledger=None if caps is None else self.ledger(caps),
            spans=spans,
            gateway=gateway,
        )


def _keys(first: str, second: str) -> list[dict[str, str]]:
    return [{"AttributeName": first, "KeyType": "HASH"}, {"AttributeName": second, "KeyType": "RANGE"}]


@contextmanager
def pretended_aws(dynamodb: Any) -> Iterator[Aws]:
    """`dynamodb` is a client of whichever store is to answer."""
    with pytest.MonkeyPatch.context() as patch, mock_aws():
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        patch.setenv("AWS_ACCESS_KEY_ID", "testing")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
        patch.delenv("AWS_PROFILE", raising=False)
        patch.setenv("AWS_ENDPOINT_URL_DYNAMODB", dynamodb.meta.endpoint_url)  # for clients that hosts make
        yield Aws(dynamodb)
