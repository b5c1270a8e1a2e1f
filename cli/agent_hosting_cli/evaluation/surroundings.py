"""AWS for an evaluation: tables, bucket and secrets of one agent, in this process' memory."""

import os
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from threading import Event, RLock
from typing import Any, Final
from unittest.mock import patch

from agent_hosting_cli.project import UserError
from agent_runtime.blobs import BlobStore
from agent_runtime.brake import BrakeReader
from agent_runtime.checkpoints import CheckpointStore
from agent_runtime.secrets import SecretReader

_TABLE, _BUCKET, _CONTROL = "checkpoints", "checkpoint-blobs", "control"
_REGION: Final = "us-east-1"
_BEDROCK: Final = "bedrockruntime"
"""moto's name of the service bedrock-runtime."""


class EvaluationOver(Exception):
    """A run that was given up wants to write when nothing is there any more."""


@dataclass(frozen=True)
class Surroundings:
    """What the runtime needs of AWS."""

    store: CheckpointStore
    brake: BrakeReader
    secrets: SecretReader


@contextmanager
def surroundings(
    agent: str, secrets: Mapping[str, str], *, real_credentials: bool = False
) -> Generator[Surroundings]:
    """An AWS that lives as long as the block. `secrets` are values by name.

    Every call of boto3 in this process ends in it, those of the agent's own code too. Only Bedrock's runtime
    is let through, with `real_credentials` as whoever the environment says. Raises `UserError` without moto.
    """
    try:
        from moto import mock_aws
    except ImportError:
        raise UserError(
            "running an evaluation needs the package moto; install agent-hosting with its extra `embedded` "
            "(pip install 'agent-hosting[embedded]'), or judge the results of another tool with --results"
        ) from None
    core: Any = {
        "mock_credentials": not real_credentials,
        "passthrough": {"services": [_BEDROCK], "urls": []},
        "reset_boto3_session": True,
        "service_whitelist": None,
    }
    over = Event()
    # An address from `agent-hosting env` would send the calls past moto to the embedded cloud, and a profile
    # that is not on this machine would stop each client from being made.
    unset = {"AWS_ENDPOINT_URL"} if real_credentials else {"AWS_ENDPOINT_URL", "AWS_PROFILE"}
    kept = {name: value for name, value in os.environ.items() if name not in unset}
    with patch.dict(os.environ, kept, clear=True), mock_aws(config={"core": core}):
        try:
            yield _made(agent, secrets, over)
        finally:
            over.set()


class OneAtATime:
    """A boto3 client whose calls wait for each other, and end with the evaluation.

    moto's tables are plain dicts: its conditional writes read first and write then.
    """

    def __init__(self, client: Any, lock: RLock, over: Event) -> None:
        self._client, self._lock, self._over = client, lock, over

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._client, name)
        return self._waiting(found) if callable(found) else found

    def _waiting(self, operation: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(operation)
        def call(*args: Any, **request: Any) -> Any:
            with self._lock:
                if self._over.is_set():
                    raise EvaluationOver
                return operation(*args, **request)

        return call


def _made(agent: str, secrets: Mapping[str, str], over: Event) -> Surroundings:
    import boto3
    from botocore.config import Config

    session: Any = boto3.session.Session("evaluation", "evaluation", region_name=_REGION)
    only_moto: dict[str, Any] = {"ignore_configured_endpoint_urls": True}
    config, lock = Config(**only_moto), RLock()

    def client(service: str) -> Any:
        return OneAtATime(session.client(service, config=config), lock, over)

    dynamodb, s3, manager = client("dynamodb"), client("s3"), client("secretsmanager")
    due = {"IndexName": "due", "Projection": {"ProjectionType": "KEYS_ONLY"}}
    indexes = [{**due, "KeySchema": _keys("due_shard", "due_at")}]
    kinds = {"pk": "S", "sk": "S", "due_shard": "S", "due_at": "N"}
    _make_table(dynamodb, _TABLE, _keys("pk", "sk"), kinds, GlobalSecondaryIndexes=indexes)
    _make_table(dynamodb, _CONTROL, _keys("agent", "item"), {"agent": "S", "item": "S"})
    s3.create_bucket(Bucket=_BUCKET)
    arns: dict[str, str] = {}
    for name, value in secrets.items():
        arns[name] = manager.create_secret(Name=f"evaluation/{agent}/{name}", SecretString=value)["ARN"]
    return Surroundings(
        CheckpointStore(dynamodb, _TABLE, BlobStore(s3, _BUCKET), agent=agent),
        BrakeReader(dynamodb, _CONTROL, agent),
        SecretReader(manager, arns),
    )


def _make_table(
    dynamodb: Any, name: str, keys: list[dict[str, str]], kinds: Mapping[str, str], **more: Any
) -> None:
    dynamodb.create_table(
        TableName=name,
        KeySchema=keys,
        AttributeDefinitions=[{"AttributeName": k, "AttributeType": kind} for k, kind in kinds.items()],
        BillingMode="PAY_PER_REQUEST",
        **more,
    )


def _keys(first: str, second: str) -> list[dict[str, str]]:
    return [{"AttributeName": first, "KeyType": "HASH"}, {"AttributeName": second, "KeyType": "RANGE"}]
