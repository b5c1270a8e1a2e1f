"""AWS clients of the hosts: short timeouts, bounded retries, and made no earlier than needed."""

import time
from collections.abc import Callable
from typing import Any, Final

from agent_runtime.audit.trail import NOT_KEPT, Trail
from agent_runtime.blobs import BlobStore
from agent_runtime.checkpoint_table import CheckpointTable
from agent_runtime.checkpoints import CheckpointStore
from agent_runtime.settings import TableSettings
from agent_runtime.spend.pots import Pots

_CONNECT_SECONDS: Final = 2
_READ_SECONDS: Final = 5
"""Instead of botocore's 60 s each: a call to DynamoDB that takes longer is lost, and a turn has 29 s in
all.
"""
_ATTEMPTS: Final = 4
_AUDIT_READ_SECONDS: Final = 2
"""An act waits for its entry: four tries of it fit into half of a turn."""
_CONNECTIONS: Final = 50
"""Instead of botocore's 10: a worker's runs share one client."""


class LazyClient:
    """A boto3 client that is made at its first use: S3 and Bedrock cost 50 ms each, and many turns need
    neither."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self._make = make
        self._client: Any = None

    def __getattr__(self, name: str) -> Any:
        if self._client is None:
            self._client = self._make()
        return getattr(self._client, name)


def store_of(settings: TableSettings, dynamodb: Any) -> CheckpointStore:
    """The agent's checkpoints."""
    return CheckpointStore(
        dynamodb,
        settings.checkpoint_table,
        BlobStore(lazily("s3"), settings.checkpoint_bucket),
        agent=settings.agent_name,
        retention_days=settings.checkpoint_retention_days,
        pots=Pots(CheckpointTable(dynamodb, settings.control_table), settings.agent_name),
    )


def trail_of(settings: TableSettings, dynamodb: Any, kind: str, **carried: str) -> Trail:
    """The audit trail of this process; `kind` says which program it is, `carried` is in each entry."""
    if not settings.audit_log_group:
        return NOT_KEPT
    days, control_table = settings.audit_retention_days, settings.control_table
    return trail_in(
        settings.audit_log_group, days, dynamodb, control_table, settings.agent_name, kind, **carried
    )


def trail_in(
    log_group: str, days: int, dynamodb: Any, control_table: str, agent: str, kind: str, **carried: str
) -> Trail:
    """The audit trail that is found by the name `agent`, which a tool gateway has, too."""
    from agent_runtime.audit.anchors import Anchors
    from agent_runtime.audit.writer import AuditTrail

    anchors = Anchors(dynamodb, control_table, agent, days, time.time)
    logs = lazily("logs", _AUDIT_READ_SECONDS)
    return AuditTrail(logs, log_group, anchors, kind=kind, carried={"agent": agent, **carried})


def lazily(service: str, read_seconds: float = _READ_SECONDS, attempts: int = _ATTEMPTS) -> Any:
    """A boto3 client that is made at its first use."""
    return LazyClient(lambda: client_of(service, read_seconds, attempts))


def client_of(service: str, read_seconds: float = _READ_SECONDS, attempts: int = _ATTEMPTS) -> Any:
    """A boto3 client."""
    import boto3
    from botocore.config import Config

    # Requests are built by the runtime alone, and tested: to check each one anew is a tenth of a call.
    config = Config(
        parameter_validation=False,
        user_agent="agent-runtime",
        connect_timeout=_CONNECT_SECONDS,
        read_timeout=read_seconds,
        max_pool_connections=_CONNECTIONS,
        retries={"mode": "standard", "total_max_attempts": attempts},
    )
    session: Any = boto3.session.Session()  # its stubs want a literal name
    return session.client(service, config=config)
