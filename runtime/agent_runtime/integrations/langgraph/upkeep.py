"""Copies and deletions: for people and their tools, whose roles may delete. An agent's own role may not."""

from collections.abc import Callable, Iterator
from itertools import chain

from agent_runtime.integrations.langgraph.keys import below, value_key
from agent_runtime.integrations.langgraph.reader import Reader
from agent_runtime.integrations.langgraph.state import Stored
from agent_runtime.integrations.langgraph.table import Item
from agent_runtime.integrations.langgraph.values import links


def copy(source: Reader, target: Reader) -> set[str]:
    """Copy all items of a thread; gives the ids of the runs that wrote them."""
    rows = chain(_values(source), source.table.rows(source.thread.pk, *below("state")))
    source.table.put_all(item | {"pk": {"S": target.thread.pk}} for item in rows)
    metadata = [stored.body.metadata for stored in target.stored(None)]
    return {str(noted["run_id"]) for noted in metadata if "run_id" in noted}


def delete(thread: Reader) -> None:
    """Delete all but the head, which keeps refusing stale workers."""
    states = thread.table.rows(thread.thread.pk, *below("state"))
    thread.table.delete_all(chain(states, _values(thread)))


def keep_newest(thread: Reader) -> None:
    """Delete all but the newest checkpoint of each namespace."""
    ids: dict[str, str] = {}
    for namespace, checkpoint_id in (stored.place for stored in thread.stored(None)):
        ids[namespace] = max(ids.get(namespace, ""), checkpoint_id)
    keep(thread, lambda stored: stored.checkpoint_id >= ids.get(stored.body.namespace, ""))


def keep(thread: Reader, is_kept: Callable[[Stored], bool]) -> None:
    """Delete the other checkpoints, but for those that a kept one's delta channels are rebuilt from."""
    # Read before the checkpoints, so that a value which is written meanwhile is not taken for unused.
    values = {row["sk"]["S"]: row for row in _values(thread)}
    found = {stored.place: stored for stored in thread.stored(None)}
    kept = {place for place, stored in found.items() if is_kept(stored)}
    kept |= {above for place in kept for above in _rebuilt_from(found, place)}
    used = {sk for place in kept for sk in _used(found[place], values)}
    doomed = [stored for place, stored in found.items() if place not in kept]
    states = (row for stored in doomed for row in (*stored.write_rows, stored.row))
    thread.table.delete_all(chain(states, (row for sk, row in values.items() if sk not in used)))


def _values(thread: Reader) -> Iterator[Item]:
    return thread.table.rows(thread.thread.pk, *below("value"))


def _rebuilt_from(found: dict[tuple[str, str], Stored], place: tuple[str, str]) -> Iterator[tuple[str, str]]:
    stored = found[place]
    channels = set(stored.body.metadata.get("counters_since_delta_snapshot", {}))
    while channels and (above := found.get((place[0], stored.body.parent or ""))) is not None:
        yield above.place
        channels -= {*above.body.small, *above.body.large}
        stored = above


def _used(stored: Stored, values: dict[str, Item]) -> Iterator[str]:
    for ref in stored.refs().values():
        sk: str | None = value_key(*ref)
        while sk is not None and sk in values:
            yield sk
            sk = links(values[sk])
