"""Reads of one thread."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import CheckpointTuple, DeltaChannelHistory, PendingWrite
from langgraph.checkpoint.serde.base import SerializerProtocol

from agent_runtime.integrations.langgraph.keys import Thread, after, below, state_key
from agent_runtime.integrations.langgraph.lifetimes import Lifetimes
from agent_runtime.integrations.langgraph.payloads import Spill
from agent_runtime.integrations.langgraph.state import Stored, as_checkpoint, stored_from
from agent_runtime.integrations.langgraph.table import Action, ThreadTable
from agent_runtime.integrations.langgraph.values import ChannelValues, Loaded, ValueRef

NEWEST_PAGE: Final = 8
"""Items read to find the newest checkpoint: it and the few writes after it. More cost another request."""


@dataclass(frozen=True)
class Reader:
    """Gives checkpoints as LangGraph knows them. What a read leans on is renewed when it grows old."""

    table: ThreadTable
    spill: Spill
    values: ChannelValues
    lifetimes: Lifetimes
    serde: SerializerProtocol
    thread: Thread
    thread_id: str

    def stored(
        self,
        namespace: str | None,
        newest: str | None = None,
        *,
        is_exact: bool = False,
        page: int | None = None,
    ) -> Iterator[Stored]:
        """Checkpoints of a namespace, or of all, from `newest` on backwards, or that one alone."""
        first, last = below(state_key(namespace))
        if newest is not None and namespace is not None:
            last = after(state_key(namespace, newest))
            first = state_key(namespace, newest) if is_exact else first
        rows = self.table.rows(self.thread.pk, first, last, newest_first=True, page=page)
        return stored_from(self.serde, self.spill, rows)

    def newest(self, found: Stored) -> CheckpointTuple:
        """The checkpoint that a run goes on from: it and its values are kept from growing old."""
        loaded = self._loaded([found])
        self.values.go_on_from(self.serde, self.thread, found.body.namespace, loaded)
        self._renew(found)
        self._renew_values(loaded)
        return self._tuple(found, loaded)

    def nothing(self, namespace: str) -> None:
        """A run begins anew: what was remembered of the namespace may be gone."""
        self.values.go_on_from(self.serde, self.thread, namespace, {})

    def tuples(self, found: Sequence[Stored]) -> Iterator[CheckpointTuple]:
        """The checkpoints with the values of their channels, read together."""
        loaded = self._loaded(found)
        return (self._tuple(stored, loaded) for stored in found)

    def history(
        self, namespace: str, checkpoint_id: str | None, channels: Sequence[str]
    ) -> Mapping[str, DeltaChannelHistory]:
        """What each channel was given on the way to a checkpoint, since its nearest stored value."""
        writes: dict[str, list[PendingWrite]] = {channel: [] for channel in channels}
        seeds: dict[str, Any] = {}
        refs: dict[str, ValueRef] = {}
        for ancestor in self._ancestors(namespace, checkpoint_id):
            remaining = writes.keys() - seeds.keys() - refs.keys()
            if not remaining:
                break
            self._renew(ancestor)
            for write in reversed(ancestor.writes):
                if write[1] in remaining:
                    writes[write[1]].append(write)
            small, large = ancestor.body.small, ancestor.refs()
            seeds |= {channel: small[channel] for channel in remaining & small.keys()}
            refs |= {channel: large[channel] for channel in remaining & large.keys()}
        loaded = self.values.get(self.serde, self.thread, refs.values())
        self._renew_values(loaded)
        seeds |= {channel: loaded[ref].value for channel, ref in refs.items()}
        found: dict[str, DeltaChannelHistory] = {}
        for channel, newest_first in writes.items():
            found[channel] = {"writes": newest_first[::-1]}
            if channel in seeds:
                found[channel]["seed"] = seeds[channel]
        return found

    def config(self, namespace: str, checkpoint_id: str) -> RunnableConfig:
        """How LangGraph names a checkpoint."""
        names = {"thread_id": self.thread_id, "checkpoint_ns": namespace, "checkpoint_id": checkpoint_id}
        return {"configurable": names}

    def _ancestors(self, namespace: str, checkpoint_id: str | None) -> Iterator[Stored]:
        """Parent, its parent and so on. They lie behind one another, with other branches between them; where
        a clock that is behind gave a child a smaller id than its parent's, reading begins again there."""
        wanted: str | None = checkpoint_id
        begun_at: str | None = ""
        is_first = True
        while wanted != begun_at:
            begun_at = wanted
            for stored in self.stored(namespace, wanted):
                if wanted is not None and stored.checkpoint_id < wanted:
                    break
                if wanted is None or stored.checkpoint_id == wanted:
                    if not is_first:
                        yield stored
                    is_first = False
                    if stored.body.parent is None:
                        return
                    wanted = stored.body.parent

    def _loaded(self, found: Sequence[Stored]) -> dict[ValueRef, Loaded]:
        refs = (ref for stored in found for ref in stored.refs().values())
        return self.values.get(self.serde, self.thread, refs)

    def _tuple(self, stored: Stored, loaded: Mapping[ValueRef, Loaded]) -> CheckpointTuple:
        body = stored.body
        large = {channel: loaded[ref].value for channel, ref in stored.refs().items()}
        parent = None if body.parent is None else self.config(body.namespace, body.parent)
        config = self.config(*stored.place)
        return CheckpointTuple(config, as_checkpoint(body, large), body.metadata, parent, stored.writes)

    def _renew_values(self, loaded: Mapping[ValueRef, Loaded]) -> None:
        limit = self.lifetimes.renew_before()
        old = {ref: found.value for ref, found in loaded.items() if found.expires_at < limit}
        if old:
            expires_at = self.lifetimes.of_new()
            actions, note_lists = self.values.put(self.serde, self.thread, old, expires_at, whole=True)
            self.table.write(actions)
            note_lists()

    def _renew(self, stored: Stored) -> None:
        for row in (stored.row, *stored.write_rows):
            if int(row["expires_at"]["N"]) >= self.lifetimes.renew_before():
                continue
            for name, attribute in row.items():
                if name == "body":
                    self.spill.renew(attribute)
                elif "L" in attribute:
                    self.spill.renew(attribute["L"][1])
            request = {
                "Key": {"pk": row["pk"], "sk": row["sk"]},
                "UpdateExpression": "SET expires_at = :end",
                "ExpressionAttributeValues": {":end": {"N": str(self.lifetimes.of_new())}},
            }
            self.table.write([Action("Update", request)])
