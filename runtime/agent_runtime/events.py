"""What a run tells whoever follows it: small items in the order in which they were told."""

import json
import time
from collections.abc import Callable
from threading import Lock
from typing import Any, Final

from agent_runtime.checkpoint_table import CheckpointTable
from agent_runtime.errors import ResultNotJson
from agent_runtime.records import SCHEMA_VERSION, Lease, Value

MOST_EVENT_BYTES: Final = 32 * 1024
PAGE_EVENTS: Final = 100


class Events:
    """Writes the events of one run while its lease is held. Epoch and number make the cursor."""

    def __init__(self, table: CheckpointTable, lease: Lease, clock: Callable[[], float] = time.time) -> None:
        self._table = table
        self._lease = lease
        self._clock = clock
        self._number = 0
        self._lock = Lock()

    def emit(self, kind: str, data: Any) -> None:
        """Write one event. Raises `ResultNotJson`, also for more than 32 KiB, and `CheckpointUnavailable`."""
        try:
            text = json.dumps(data, allow_nan=False)
        except (TypeError, ValueError, RecursionError) as error:
            raise ResultNotJson(f"event {kind!r} holds what JSON cannot hold: {error}") from error
        if len(text.encode()) > MOST_EVENT_BYTES:
            raise ResultNotJson(f"event {kind!r} is larger than {MOST_EVENT_BYTES} bytes: make it a step")
        with self._lock:
            self._number += 1
            number = self._number
        lease = self._lease
        item: dict[str, Value] = {
            "pk": lease.pk,
            "sk": f"event#{lease.epoch:06d}-{number:06d}",
            "schema_version": SCHEMA_VERSION,
            "birth": lease.birth,
            "expires_at": lease.expires_at,
            "kind": kind,
            "data": text,
            "at": int(self._clock() * 1000),
        }
        self._table.put(item)


def events_after(table: CheckpointTable, pk: str, birth: str, cursor: str) -> list[dict[str, Any]]:
    """Up to 100 events after `cursor` (empty: from the first), each `{cursor, kind, data, at}`."""
    first = f"event#{cursor}~" if cursor else "event#"
    return [
        {
            "cursor": values["sk"].removeprefix("event#"),
            "kind": values["kind"],
            "data": json.loads(values["data"]),
            "at": values["at"],
        }
        for values in table.query(pk, first, "event#~", most=PAGE_EVENTS)
        if values["birth"] == birth
    ]
