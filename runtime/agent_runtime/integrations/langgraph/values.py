"""Channel values, one item for each version; a list that only grew is written as what it gained.

A list's item names the version before it and the one its chain began with, so that the whole is one Query
from the first to the last. What was last seen of each list is remembered as fingerprints of its elements: a
saver that does not remember, or a list that was changed inside, begins a new chain. So does every list of a
serialiser that encrypts: the same value never has the same bytes.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final, NamedTuple

from langgraph.checkpoint.serde.base import SerializerProtocol

from agent_runtime.errors import CheckpointBlobLost
from agent_runtime.integrations.langgraph.keys import Thread, part, value_key
from agent_runtime.integrations.langgraph.payloads import Spill, dump, fingerprints, load
from agent_runtime.integrations.langgraph.table import Action, Item, ThreadTable, envelope

_REMEMBERED_NAMESPACES: Final = 512
_SMALL_CHARACTERS: Final = 64


class ValueRef(NamedTuple):
    """One version of a channel."""

    namespace: str
    channel: str
    version: str


class _Seen(NamedTuple):
    version: str
    first: str
    elements: list[bytes]


class Loaded(NamedTuple):
    """A value as read."""

    value: Any
    first: str
    """The version its chain began with."""
    expires_at: int
    """Of the part that goes first, in seconds since 1970."""


def is_small(value: Any) -> bool:
    """Whether a value is kept in the checkpoint itself, at every step: an item costs a whole write unit."""
    return (
        value is None
        or isinstance(value, bool | int | float)
        or (isinstance(value, str) and len(value) <= _SMALL_CHARACTERS)
    )


class ChannelValues:
    """The values of one agent's threads."""

    def __init__(self, table: ThreadTable, spill: Spill) -> None:
        self._table = table
        self._spill = spill
        self._seen: OrderedDict[tuple[str, str], dict[str, _Seen]] = OrderedDict()

    def put(
        self,
        serde: SerializerProtocol,
        thread: Thread,
        values: Mapping[ValueRef, Any],
        expires_at: int,
        *,
        whole: bool = False,
    ) -> tuple[list[Action], Callable[[], None]]:
        """What to write, and what to call once it is written."""
        actions: list[Action] = []
        seen: dict[ValueRef, _Seen] = {}
        for ref, value in values.items():
            item, written = envelope(thread.pk, value_key(*ref), expires_at), value
            if type(value) is list:
                elements, version = fingerprints(serde, value), part(ref.version)
                before = self._seen.get((thread.pk, ref.namespace), {}).get(ref.channel)
                seen[ref] = _Seen(version, version, elements)
                if before is not None and not whole and _goes_on(before, seen[ref]):
                    written = value[len(before.elements) :]
                    item |= {"previous": {"S": before.version}, "first": {"S": before.first}}
                    seen[ref] = _Seen(version, before.first, elements)
            raw = dump(serde, written)
            prefix = f"{thread.blobs}/{part(ref.channel)}"
            item |= self._spill.attributes(prefix, {"value": raw}, self._spill.inline_bytes)
            actions.append(Action("Put", {"Item": item}, len(raw)))
        return actions, lambda: self._remember(thread, seen)

    def get(
        self, serde: SerializerProtocol, thread: Thread, refs: Iterable[ValueRef]
    ) -> dict[ValueRef, Loaded]:
        """The values: one BatchGetItem, and one Query for each list that was written in parts. Raises
        `CheckpointBlobLost`."""
        wanted = {ref: value_key(*ref) for ref in refs}
        items = self._table.items(thread.pk, set(wanted.values()))
        for stem, first, last in _ranges(items.values()):
            rows = self._table.rows(thread.pk, f"{stem}#{first}", f"{stem}#{last}")
            items |= {row["sk"]["S"]: row for row in rows}
        loaded: dict[ValueRef, Loaded] = {}
        for ref, key in wanted.items():
            chain = _chain(items, key)
            pieces = [load(serde, self._spill.raw(item["value"])) for item in chain]
            value = pieces[0] if len(pieces) == 1 else [element for piece in pieces for element in piece]
            first = chain[0]["sk"]["S"].rpartition("#")[2]
            loaded[ref] = Loaded(value, first, min(int(item["expires_at"]["N"]) for item in chain))
        return loaded

    def go_on_from(
        self, serde: SerializerProtocol, thread: Thread, namespace: str, loaded: Mapping[ValueRef, Loaded]
    ) -> None:
        """Remember what was loaded of a namespace, and forget the rest: it may have been deleted."""
        self._seen.pop((thread.pk, namespace), None)
        lists = {ref: found for ref, found in loaded.items() if type(found.value) is list}
        self._remember(
            thread,
            {
                ref: _Seen(part(ref.version), found.first, fingerprints(serde, found.value))
                for ref, found in lists.items()
            },
        )

    def _remember(self, thread: Thread, seen: Mapping[ValueRef, _Seen]) -> None:
        for ref, what in seen.items():
            place = (thread.pk, ref.namespace)
            self._seen.setdefault(place, {})[ref.channel] = what
            self._seen.move_to_end(place)
        while len(self._seen) > _REMEMBERED_NAMESPACES:
            self._seen.popitem(last=False)


def links(item: Item) -> str | None:
    """Sort key of the value that this one goes on from."""
    if "previous" not in item:
        return None
    return f"{item['sk']['S'].rpartition('#')[0]}#{item['previous']['S']}"


def _goes_on(before: _Seen, now: _Seen) -> bool:
    return before.version < now.version and now.elements[: len(before.elements)] == before.elements


def _ranges(items: Iterable[Item]) -> Iterator[tuple[str, str, str]]:
    """Of each channel written in parts: what its keys begin with, and the versions to read between."""
    spans: dict[str, list[str]] = {}
    for item in items:
        if "previous" in item:
            stem = item["sk"]["S"].rpartition("#")[0]
            spans.setdefault(stem, []).extend((item["first"]["S"], item["previous"]["S"]))
    return ((stem, min(versions), max(versions)) for stem, versions in spans.items())


def _chain(items: Mapping[str, Item], key: str | None) -> list[Item]:
    chain: list[Item] = []
    while key is not None:
        if key not in items:
            raise CheckpointBlobLost(f"{key} is not in its thread")
        chain.append(items[key])
        key = links(chain[-1])
    return chain[::-1]
