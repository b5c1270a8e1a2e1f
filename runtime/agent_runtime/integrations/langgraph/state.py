"""Checkpoints and pending writes as items, and back."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from langgraph.checkpoint.base import (
    WRITES_IDX_MAP,
    Checkpoint,
    CheckpointMetadata,
    PendingWrite,
    writes_sort_key,
)
from langgraph.checkpoint.serde.base import SerializerProtocol

from agent_runtime.integrations.langgraph.keys import BLOCK_WRITES, Thread, state_key, writes_key
from agent_runtime.integrations.langgraph.payloads import Spill, dump, load
from agent_runtime.integrations.langgraph.table import Action, Item, envelope
from agent_runtime.integrations.langgraph.values import ValueRef

_WRITE_KINDS = 4
"""A task's item may be filled by four calls: its writes, its error, its interrupts, its resumes."""


class Body(NamedTuple):
    """A checkpoint without its large values."""

    checkpoint: dict[str, Any]
    small: dict[str, Any]
    """Channel values that are kept here."""
    large: list[str]
    """Channels whose value of this version is an item of its own."""
    metadata: CheckpointMetadata
    namespace: str
    parent: str | None


@dataclass
class Stored:
    """A checkpoint with its pending writes, as read."""

    body: Body
    row: Item
    write_rows: list[Item]
    writes: list[PendingWrite] = field(default_factory=list)

    @property
    def checkpoint_id(self) -> str:
        return self.body.checkpoint["id"]

    @property
    def place(self) -> tuple[str, str]:
        """Namespace and id."""
        return self.body.namespace, self.checkpoint_id

    @property
    def expires_at(self) -> int:
        """Seconds since 1970."""
        return int(self.row["expires_at"]["N"])

    def refs(self) -> dict[str, ValueRef]:
        """Where the values of the large channels are."""
        versions = self.body.checkpoint["channel_versions"]
        return {name: ValueRef(self.body.namespace, name, str(versions[name])) for name in self.body.large}


def checkpoint_action(
    serde: SerializerProtocol, spill: Spill, thread: Thread, body: Body, expires_at: int
) -> Action:
    """Put the checkpoint."""
    raw = dump(serde, list(body))
    sk = state_key(body.namespace, body.checkpoint["id"])
    attributes = spill.attributes(f"{thread.blobs}/state", {"body": raw}, spill.inline_bytes)
    return Action("Put", {"Item": envelope(thread.pk, sk, expires_at) | attributes}, len(raw))


def writes_actions(
    serde: SerializerProtocol,
    spill: Spill,
    thread: Thread,
    place: tuple[str, str],
    writes: Sequence[tuple[str, Any]],
    task: tuple[str, str],
    expires_at: int,
) -> list[Action]:
    """Add the writes of a task (id, path) to a checkpoint (namespace, id); what is there stays, except of the
    special channels."""
    blocks: dict[int, dict[int, tuple[str, bytes]]] = {}
    for position, (channel, value) in enumerate(writes):
        index = WRITES_IDX_MAP.get(channel, position)
        blocks.setdefault(max(index, 0) // BLOCK_WRITES, {})[index] = (channel, dump(serde, value))
    return [_block(spill, thread, place, task, block, found, expires_at) for block, found in blocks.items()]


def _block(
    spill: Spill,
    thread: Thread,
    place: tuple[str, str],
    task: tuple[str, str],
    block: int,
    writes: dict[int, tuple[str, bytes]],
    expires_at: int,
) -> Action:
    raws = {str(index): raw for index, (_, raw) in writes.items()}
    attributes = spill.attributes(f"{thread.blobs}/writes", raws, spill.inline_bytes // _WRITE_KINDS)
    item = envelope(thread.pk, writes_key(*place, task[0], block), expires_at)
    values: Item = {":task": {"S": task[0]}, ":path": {"S": task[1]}}
    sets, names = ["task_id = :task", "task_path = :path"], dict[str, str]()
    for name in ("schema_version", "expires_at"):
        values[f":{name}"] = item.pop(name)
        sets.append(f"{name} = :{name}")
    for number, (index, (channel, _)) in enumerate(writes.items()):
        names[f"#{number}"] = f"w{index}"
        values[f":{number}"] = {"L": [{"S": channel}, attributes[str(index)]]}
        sets.append(
            f"#{number} = :{number}" if index < 0 else f"#{number} = if_not_exists(#{number}, :{number})"
        )
    request: dict[str, Any] = {
        "Key": item,
        "UpdateExpression": f"SET {', '.join(sets)}",
        "ExpressionAttributeNames": names,
        "ExpressionAttributeValues": values,
    }
    return Action("Update", request, sum(map(len, raws.values())))


def stored_from(serde: SerializerProtocol, spill: Spill, rows: Iterable[Item]) -> Iterator[Stored]:
    """Checkpoints of rows that come newest first. Writes whose checkpoint was never put are left out."""
    write_rows: list[Item] = []
    for row in rows:
        sk: str = row["sk"]["S"]
        if sk.count("#") > 2:
            write_rows.append(row)
            continue
        own = [other for other in write_rows if other["sk"]["S"].startswith(f"{sk}#")]
        body = Body(*load(serde, spill.raw(row["body"])))
        yield Stored(body, row, own, _writes(serde, spill, own))
        write_rows = []


def _writes(serde: SerializerProtocol, spill: Spill, rows: Iterable[Item]) -> list[PendingWrite]:
    found: list[tuple[tuple[str, str, int], PendingWrite]] = []
    for row in rows:
        task_id, task_path = row["task_id"]["S"], row["task_path"]["S"]
        for name, attribute in row.items():
            if not (name.startswith("w") and "L" in attribute):
                continue
            channel, value = attribute["L"]
            write = (task_id, channel["S"], load(serde, spill.raw(value)))
            found.append((writes_sort_key(task_path, task_id, int(name[1:])), write))
    return [write for _, write in sorted(found, key=lambda pair: pair[0])]


def as_checkpoint(body: Body, values: dict[str, Any]) -> Checkpoint:
    """The checkpoint with all its channel values."""
    return {**body.checkpoint, "channel_values": {**body.small, **values}}  # pyright: ignore[reportReturnType]
