"""LangGraph's checkpoints in the table of the runtime's checkpoints.

Calls: `put` and `put_writes` are one each. `get_tuple` is one Query, one BatchGetItem where a channel's value
is not small, and one Query for each list that was written in parts. `get_delta_channel_history` is one Query
for each started MiB, and one BatchGetItem where it met a snapshot. The bytes of a `put` do not grow with the
steps before it: it holds the channels that changed, and of a list that only grew what it gained.

Price in write units of 1 KB: without an epoch `put_writes` is one UpdateItem; `put` is one PutItem, or a
transaction at twice the units where a value has an item of its own. With an epoch both are transactions with
the thread's head: 2 units for its check, and twice the units of the items. A check of the head before the
write would cost half and leave a gap for a stale worker; and LangGraph's random checkpoint ids give no key on
which a stale worker must fail, as the steps of a run do.

Measured on a graph that appends 400 bytes to a list at each step, however long: a step is 2 calls and 10
units with an epoch, 5 without; with messages of 4 KB 26 and 17. `DeltaChannel` saves one of the two copies.

The first call of a saver with an epoch takes the thread over by one update of its head. Epochs are compared
within one run; another run of the same session takes the thread from the one before.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from secrets import token_hex
from typing import TYPE_CHECKING, Any, Final

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import (
    ChannelVersions,
    Checkpoint,
    CheckpointMetadata,
    CheckpointTuple,
    DeltaChannelHistory,
    get_checkpoint_id,
    get_checkpoint_metadata,
)
from langgraph.checkpoint.serde.base import SerializerProtocol

from agent_runtime.blobs import BlobStore
from agent_runtime.errors import CheckpointError
from agent_runtime.integrations.langgraph import upkeep
from agent_runtime.integrations.langgraph.fence import Fence
from agent_runtime.integrations.langgraph.keys import Thread, below, index_key
from agent_runtime.integrations.langgraph.lifetimes import Lifetimes
from agent_runtime.integrations.langgraph.payloads import Spill
from agent_runtime.integrations.langgraph.reader import NEWEST_PAGE, Reader
from agent_runtime.integrations.langgraph.state import Body, checkpoint_action, writes_actions
from agent_runtime.integrations.langgraph.table import Action, Item, ThreadTable, envelope
from agent_runtime.integrations.langgraph.threaded import ThreadedCheckpointSaver
from agent_runtime.integrations.langgraph.values import ChannelValues, ValueRef, is_small

if TYPE_CHECKING:
    from types_boto3_dynamodb.client import DynamoDBClient

_LISTED_TOGETHER: Final = 25
"""Checkpoints of a list whose values are fetched in one request."""
_INDEXED_RUNS: Final = 1024


class DynamoCheckpointSaver(ThreadedCheckpointSaver):
    """The threads of one agent and tenant. `clock` gives seconds since 1970.

    With `epoch`, which a worker has from its lease of the run `run_id`, all writes raise `LeaseLost` once a
    newer epoch, or another run, has begun to use the thread. All calls raise `CheckpointUnavailable`; reads
    also `CheckpointBlobLost` and `CheckpointSchemaUnknown`.
    """

    def __init__(
        self,
        client: "DynamoDBClient",
        table: str,
        blobs: BlobStore,
        *,
        agent: str,
        tenant: str,
        retention_days: int = 30,
        clock: Callable[[], float] = time.time,
        epoch: int | None = None,
        run_id: str = "",
        serde: SerializerProtocol | None = None,
    ) -> None:
        super().__init__(serde=serde)
        for what, value in (("agent", agent), ("tenant", tenant)):
            if not value or "#" in value:
                raise CheckpointError(f"{what} must be a text without '#'")
        self._agent, self._tenant = agent, tenant
        self._table = ThreadTable(client, table, clock)
        self._spill = Spill(blobs)
        self._values = ChannelValues(self._table, self._spill)
        self._lifetimes = Lifetimes(retention_days, clock)
        self._fence = None if epoch is None else Fence(self._table, self._lifetimes, run_id, epoch)
        self._indexed: set[tuple[str, str]] = set()

    def get_next_version(self, current: str | int | None, channel: None) -> str:  # noqa: ARG002  LangGraph's
        """Counted, so that it grows, and random, so that the branches of a fork never share a value."""
        count = 0 if current is None else int(str(current).partition(".")[0])
        return f"{count + 1:08d}.{token_hex(5)}"

    def put(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """Save a checkpoint and the channels of `new_versions`. Raises `LeaseLost`."""
        reader, namespace = self._reader(config)
        lean: dict[str, Any] = {**checkpoint}
        values: dict[str, Any] = lean.pop("channel_values")
        small = {name: value for name, value in values.items() if is_small(value)}
        large = [name for name in values if name not in small]
        changed = {
            ValueRef(namespace, name, str(new_versions[name])): values[name]
            for name in large
            if name in new_versions
        }
        expires_at = self._lifetimes.of_new()
        actions, note_lists = self._values.put(self.serde, reader.thread, changed, expires_at)
        noted = get_checkpoint_metadata(config, metadata)
        run = str(noted.get("run_id", "")), reader.thread_id
        if run[0] and run not in self._indexed:
            actions.append(Action("Put", {"Item": self._index_item(*run)}))
        body = Body(lean, small, large, noted, namespace, get_checkpoint_id(config))
        actions.append(checkpoint_action(self.serde, self._spill, reader.thread, body, expires_at))
        self._write(reader.thread, actions)
        note_lists()
        self._note_run(run)
        return reader.config(namespace, checkpoint["id"])

    def put_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        """Save what a task wrote upon a checkpoint. Raises `LeaseLost`."""
        reader, namespace = self._reader(config)
        place = namespace, get_checkpoint_id(config) or ""
        task, expires_at = (task_id, task_path), self._lifetimes.of_new()
        actions = writes_actions(self.serde, self._spill, reader.thread, place, writes, task, expires_at)
        self._write(reader.thread, actions)

    def get_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """The checkpoint that `config` names, or the newest of its namespace. With an epoch it takes the
        thread over first, so that nobody writes past what was read. Raises `LeaseLost`."""
        reader, namespace = self._reader(config)
        if self._fence is not None:
            self._fence.claim(reader.thread)
        if wanted := get_checkpoint_id(config):
            found = next(reader.stored(namespace, wanted, is_exact=True), None)
        else:
            found = next(reader.stored(namespace, page=NEWEST_PAGE), None)
        if found is None or not self._lifetimes.is_visible(found.expires_at):
            return reader.nothing(namespace)
        return reader.newest(found)

    def list(
        self,
        config: RunnableConfig | None,
        *,
        filter: dict[str, Any] | None = None,  # noqa: A002  LangGraph's word
        before: RunnableConfig | None = None,
        limit: int | None = None,
    ) -> Iterator[CheckpointTuple]:
        """A thread's checkpoints, newest first within each namespace. Raises `CheckpointError` without a
        thread: a role may not scan."""
        if config is None:
            raise CheckpointError("checkpoints are listed by thread: give a config with a thread_id")
        reader, _ = self._reader(config)
        wanted, end = get_checkpoint_id(config), None if before is None else get_checkpoint_id(before)
        rows = reader.stored(
            config.get("configurable", {}).get("checkpoint_ns"),
            wanted or end,
            is_exact=wanted is not None,
            page=None if limit is None or filter else 4 * limit,
        )
        matching = (
            stored
            for stored in rows
            if self._lifetimes.is_visible(stored.expires_at)
            and (wanted is None or stored.checkpoint_id == wanted)
            and (end is None or stored.checkpoint_id < end)
            and all(stored.body.metadata.get(key) == value for key, value in (filter or {}).items())
        )
        chosen = islice(matching, limit)
        while some := [*islice(chosen, _LISTED_TOGETHER)]:
            yield from reader.tuples(some)

    def get_delta_channel_history(
        self, *, config: RunnableConfig, channels: Sequence[str]
    ) -> Mapping[str, DeltaChannelHistory]:
        """What each channel was given on the way to a checkpoint, since its nearest stored value."""
        reader, namespace = self._reader(config)
        return reader.history(namespace, get_checkpoint_id(config), channels)

    def delete_thread(self, thread_id: str) -> None:
        """Delete a thread; its head stays, so that a stale worker cannot bring it back."""
        upkeep.delete(self._thread(thread_id))

    def delete_for_runs(self, run_ids: Sequence[str]) -> None:
        """Delete the checkpoints with these `run_id`s in their metadata, in all threads, but for those that
        another run's delta channels are rebuilt from."""
        for run_id in run_ids:
            pk, sk = index_key(self._agent, self._tenant, run_id)
            threads = [*self._table.rows(pk, *below(sk.rpartition("#")[0]))]
            for row in threads:
                reader = self._thread(row["thread_id"]["S"])
                upkeep.keep(reader, lambda stored, run=run_id: stored.body.metadata.get("run_id") != run)
            self._table.delete_all(threads)

    def copy_thread(self, source_thread_id: str, target_thread_id: str) -> None:
        """Copy all of a thread but its head."""
        run_ids = upkeep.copy(self._thread(source_thread_id), self._thread(target_thread_id))
        self._table.put_all(self._index_item(run_id, target_thread_id) for run_id in run_ids)

    def prune(self, thread_ids: Sequence[str], *, strategy: str = "keep_latest") -> None:
        """Keep the newest checkpoint of each namespace and what it is rebuilt from; with `delete` keep
        nothing."""
        for thread_id in thread_ids:
            reader = self._thread(thread_id)
            if strategy == "delete":
                upkeep.delete(reader)
            else:
                upkeep.keep_newest(reader)

    def _reader(self, config: RunnableConfig) -> tuple[Reader, str]:
        given = config.get("configurable", {})
        return self._thread(given["thread_id"]), given.get("checkpoint_ns", "")

    def _thread(self, thread_id: str) -> Reader:
        thread = Thread.of(self._agent, self._tenant, thread_id)
        parts = self._table, self._spill, self._values, self._lifetimes
        return Reader(*parts, self.serde, thread, thread_id)

    def _write(self, thread: Thread, actions: Sequence[Action]) -> None:
        if self._fence is None:
            self._table.write(actions)
        else:
            self._fence.write(thread, actions)

    def _index_item(self, run_id: str, thread_id: str) -> Item:
        """By which `delete_for_runs` finds where a run of LangGraph has written."""
        item = envelope(*index_key(self._agent, self._tenant, run_id, thread_id), self._lifetimes.of_new())
        return item | {"thread_id": {"S": thread_id}}

    def _note_run(self, run: tuple[str, str]) -> None:
        if len(self._indexed) >= _INDEXED_RUNS:
            self._indexed.clear()
        self._indexed.add(run)
