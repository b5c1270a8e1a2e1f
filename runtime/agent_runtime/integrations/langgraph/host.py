"""Savers for those who have a run or the environment of a host."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

from agent_runtime.blobs import BlobClient, BlobStore
from agent_runtime.checkpoint_table import CheckpointTable
from agent_runtime.integrations.langgraph.saver import DynamoCheckpointSaver
from agent_runtime.settings import Settings

if TYPE_CHECKING:
    from types_boto3_dynamodb.client import DynamoDBClient


class GraphLease(Protocol):
    """What of a lease fences a thread."""

    @property
    def epoch(self) -> int: ...


class GraphRun(Protocol):
    """What of a run a saver needs."""

    @property
    def checkpoint_table(self) -> CheckpointTable: ...
    @property
    def blobs(self) -> BlobStore: ...
    @property
    def agent_name(self) -> str: ...
    @property
    def tenant(self) -> str: ...
    @property
    def run_id(self) -> str: ...
    @property
    def lease(self) -> GraphLease: ...


def checkpointer(run: GraphRun, *, retention_days: int = 30) -> DynamoCheckpointSaver:
    """A saver that writes while the run's lease is held, for `graph.compile(checkpointer=checkpointer(run))`.

    The thread_id is `run.session or run.run_id`. Give `retention_days` as the host has it.
    """
    return DynamoCheckpointSaver(
        run.checkpoint_table.client,
        run.checkpoint_table.name,
        run.blobs,
        agent=run.agent_name,
        tenant=run.tenant,
        retention_days=retention_days,
        epoch=run.lease.epoch,
        run_id=run.run_id,
    )


def from_environment(
    environ: Mapping[str, str], *, tenant: str, dynamodb: "DynamoDBClient", s3: BlobClient
) -> DynamoCheckpointSaver:
    """A saver without a fence, for tools and for hosts that hold no lease. Raises `SettingsError`."""
    settings = Settings.from_environment(environ)
    return DynamoCheckpointSaver(
        dynamodb,
        settings.checkpoint_table,
        BlobStore(s3, settings.checkpoint_bucket),
        agent=settings.agent_name,
        tenant=tenant,
        retention_days=settings.checkpoint_retention_days,
    )
