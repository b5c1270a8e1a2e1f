"""Savers, and a writer that puts checkpoints as LangGraph does."""

from typing import Any

from langgraph.checkpoint.base import Checkpoint
from langgraph.checkpoint.base.id import uuid6

from agent_runtime.blobs import BlobStore
from agent_runtime.integrations.langgraph import DynamoCheckpointSaver

DAY = 86_400


def make_saver(aws: Any, **given: Any) -> DynamoCheckpointSaver:
    blobs = BlobStore(given.pop("s3", aws.s3), "checkpoint-blobs", given.pop("inline_bytes", 350 * 1024))
    known = {"agent": "answers", "tenant": "acme", "clock": aws.clock}
    return DynamoCheckpointSaver(given.pop("client", aws.dynamodb), "checkpoints", blobs, **(known | given))


def config_of(thread_id: str = "t", **more: str) -> Any:
    return {"configurable": {"thread_id": thread_id, "checkpoint_ns": "", **more}}


class Writer:
    """Puts one checkpoint after another as LangGraph does."""

    def __init__(self, saver: DynamoCheckpointSaver, config: Any = None) -> None:
        self.saver = saver
        self.config = config or config_of()
        self.versions: dict[str, Any] = {}
        self.values: dict[str, Any] = {}

    def put(self, metadata: Any = None, **changes: Any) -> Any:
        version = self.saver.get_next_version(max(self.versions.values(), default=None), None)
        new = dict.fromkeys(changes, version)
        self.versions |= new
        self.values |= changes
        checkpoint: Checkpoint = {
            "v": 4,
            "id": str(uuid6()),
            "ts": "",
            "channel_values": dict(self.values),
            "channel_versions": dict(self.versions),
            "versions_seen": {},
            "updated_channels": None,
        }
        self.config = self.saver.put(self.config, checkpoint, metadata or {"step": 1}, new)
        return self.config


def values_of(saver: DynamoCheckpointSaver, config: Any = None) -> dict[str, Any]:
    found = saver.get_tuple(config or config_of())
    assert found is not None
    return found.checkpoint["channel_values"]
