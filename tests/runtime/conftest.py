"""What the runtime's tests share: moto's AWS, a clock that only moves when told, and a client that loses
answers.
"""

import json
import logging
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

import boto3
import pytest
from botocore.exceptions import ReadTimeoutError
from moto import mock_aws

from agent_runtime.blobs import BlobStore
from agent_runtime.brake import BrakeReader
from agent_runtime.bundle import Bundle, ModelSpec
from agent_runtime.checkpoints import CheckpointStore
from agent_runtime.models.client import Completion, ModelClient, ModelRequest
from agent_runtime.runner import Agent, Runner
from agent_runtime.secrets import SecretReader

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


class FaultyClient:
    """A boto3 client that executes a call and then loses its answer, or lets something happen before a
    call."""

    def __init__(self, client: Any) -> None:
        self.client = client
        self.lost: Counter[str] = Counter()
        self.calls: Counter[str] = Counter()
        self.before: dict[str, Callable[[dict[str, Any]], None]] = {}

    def __getattr__(self, name: str) -> Any:
        operation = getattr(self.client, name)
        if name == "exceptions":
            return operation

        def call(**request: Any) -> Any:
            self.calls[name] += 1
            if name in self.before:
                self.before[name](request)
            reply = operation(**request)
            if self.lost[name] > 0:
                self.lost[name] -= 1
                raise ReadTimeoutError(endpoint_url="http://127.0.0.1")
            return reply

        return call


class ScriptedModel:
    """A provider that answers from a list, each answer a text, a `Completion` or an error to raise."""

    def __init__(self) -> None:
        self.answers: list[str | Completion | Exception] = []
        self.requests: list[ModelRequest] = []

    def complete(self, _spec: ModelSpec, request: ModelRequest) -> Completion:
        self.requests.append(request)
        answer = self.answers.pop(0) if self.answers else "an answer"
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, Completion) else Completion(answer, 100, 10)


@cache
def _client(service: str) -> Any:
    """Made once, since that costs more than most tests; moto answers with whatever AWS is pretended at the
    time."""
    return boto3.session.Session().client(service)


class Aws:
    """Tables, bucket and secret of one agent, and stores on them."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.dynamodb, self.s3, self.secretsmanager = (
            _client(n) for n in ("dynamodb", "s3", "secretsmanager")
        )
        for table, keys in ((TABLE, ("pk", "sk")), (CONTROL, ("agent", "item"))):
            self.dynamodb.create_table(
                TableName=table,
                KeySchema=[
                    {"AttributeName": k, "KeyType": t} for k, t in zip(keys, ("HASH", "RANGE"), strict=True)
                ],
                AttributeDefinitions=[{"AttributeName": k, "AttributeType": "S"} for k in keys],
                BillingMode="PAY_PER_REQUEST",
            )
        self.s3.create_bucket(Bucket=BUCKET)
        secret = self.secretsmanager.create_secret(Name="dev/answers/model-api-key", SecretString=SECRET_TEXT)
        self.secret_arn: str = secret["ARN"]

    def store(
        self, client: Any = None, clock: Callable[[], float] | None = None, inline_bytes: int = 350 * 1024
    ) -> CheckpointStore:
        blobs = BlobStore(self.s3, BUCKET, inline_bytes)
        dynamodb = client or self.dynamodb
        return CheckpointStore(dynamodb, TABLE, blobs, agent="answers", clock=clock or self.clock)

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

    def runner(
        self, agent: Agent, provider: Any, bundle: Bundle, store: CheckpointStore | None = None
    ) -> Runner:
        return Runner(
            agent,
            bundle=bundle,
            store=store or self.store(),
            brake=self.brake(),
            secrets=self.secrets(),
            models=ModelClient(bundle.model, provider),
        )


@contextmanager
def pretended_aws() -> Iterator[Aws]:
    with pytest.MonkeyPatch.context() as patch, mock_aws():
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        patch.setenv("AWS_ACCESS_KEY_ID", "testing")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
        patch.delenv("AWS_PROFILE", raising=False)
        yield Aws()


@pytest.fixture(autouse=True)
def _untouched_logging() -> Iterator[None]:
    """A host that starts takes the runtime's logger for itself; the next test gets it back as it was."""
    logger = logging.getLogger("agent_runtime")
    before = (logger.level, logger.propagate, logger.handlers[:])
    yield
    logger.setLevel(before[0])
    logger.propagate, logger.handlers[:] = before[1:]


@pytest.fixture
def aws() -> Iterator[Aws]:
    with pretended_aws() as pretended:
        yield pretended


@pytest.fixture
def fresh_aws() -> Callable[[], Any]:
    """For a state machine, which needs a new AWS for each of its many lives."""
    return pretended_aws


@pytest.fixture
def faulty(aws: Aws) -> FaultyClient:
    return FaultyClient(aws.dynamodb)


@pytest.fixture
def model() -> ScriptedModel:
    return ScriptedModel()


@pytest.fixture
def make_bundle() -> Callable[..., Bundle]:
    def make(**changes: Any) -> Bundle:
        spec = ModelSpec(
            provider="openai",
            name="embedded-1",
            input_usd_per_million_tokens=1.0,
            output_usd_per_million_tokens=10.0,
            api_key_secret="model-api-key",
        )
        values: dict[str, Any] = {
            "entrypoint": "agent:answer",
            "model": spec,
            "prompts": {},
            "code": {"agent.py": "0" * 64},
            "secrets": ("model-api-key",),
            "max_steps": 10,
            "max_model_calls": 3,
            "runtime_fingerprint": "test",
        }
        return Bundle(**(values | changes))

    return make


class _Quiet(WSGIRequestHandler):
    def log_message(self, *_: Any) -> None:
        """Nothing: the test's output is the test's."""


@pytest.fixture
def serve() -> Iterator[Callable[[Any], str]]:
    """Serve a WSGI application on a free port of this machine; gives its base URL."""
    servers: list[tuple[Any, threading.Thread]] = []

    def start(application: Any) -> str:
        server = make_server("127.0.0.1", 0, application, handler_class=_Quiet)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        servers.append((server, thread))
        return f"http://127.0.0.1:{server.server_port}/v1"

    yield start
    for server, thread in servers:
        server.shutdown()
        thread.join(5)
        server.server_close()


@pytest.fixture
def http_event() -> Callable[..., dict[str, Any]]:
    """An API Gateway event of payload format 2.0, from tenant `acme` unless told otherwise."""

    def make(
        method: str = "POST",
        path: str = "/runs",
        body: Any = None,
        claims: dict[str, str] | None = None,
        headers: dict[str, str] | None = None,
        **more: Any,
    ) -> dict[str, Any]:
        text = body if isinstance(body, str) or body is None else json.dumps(body)
        return {
            "version": "2.0",
            "rawPath": path,
            "headers": headers or {},
            "body": text,
            "isBase64Encoded": False,
            "requestContext": {
                "stage": "$default",
                "http": {"method": method, "path": path},
                "authorizer": {"jwt": {"claims": {"tenant": "acme"} if claims is None else claims}},
            },
        } | more

    return make
