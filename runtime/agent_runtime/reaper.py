"""Looks after runs whose time is over and that nobody holds: each is taken up again, or given its reason.

The queue delivers the message of a worker that died again by itself. The reaper is for what a queue cannot
know: a message that was never sent, was lost or buried, a sleep of days, a question nobody answered.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from agent_runtime.checkpoints import CheckpointStore
from agent_runtime.errors import CheckpointSchemaUnknown
from agent_runtime.heads import QUEUED_SECONDS
from agent_runtime.hosts.queue import RunMessage
from agent_runtime.outside import NOT_EXTENDED, end_from_outside, update_from_outside
from agent_runtime.records import ENDED, RunStatus, Value

_log = logging.getLogger("agent_runtime.reaper")
SHARDS: Final = "0123456789abcdef"
MOST_PER_SHARD: Final = 100
LONGEST_PAUSE_SECONDS: Final = 6 * 3600


@dataclass(frozen=True)
class Verdict:
    """What is done with a run that is due."""

    sends: bool = False
    reason: str | None = None
    """Why it is dead."""
    due_at: int = 0
    """When it is looked at again, in milliseconds since 1970."""


def judge(head: Mapping[str, Any], *, now: int, max_receives: int, bundles: frozenset[str]) -> Verdict | None:
    """What to do with the run of `head`, or None for nothing. `now` is in milliseconds since 1970.

    Each time that a run is sent again its next time is twice as far: in a long queue it has a message that
    nobody has come to yet.
    """
    status = RunStatus(head["status"])
    if status in ENDED or head["due_at"] > now:
        return None
    if status is RunStatus.RUNNING and head["lease_expires_at"] > now:
        return None
    if head["bundle_id"] not in bundles:
        return Verdict(reason=f"its release {head['bundle_id']} is no longer deployed")
    if status is RunStatus.RUNNING and head["takes"] >= max_receives:
        return Verdict(reason=f"its worker died {head['takes']} times")
    pause = min(LONGEST_PAUSE_SECONDS, QUEUED_SECONDS * 2 ** (head["resends"] + 1))
    return Verdict(sends=True, due_at=now + pause * 1000)


class Reaper:
    """Looks after the runs of one agent. `send` sends a message to the queue of its bundle, `measure` counts
    a run, given by its head, whose workers all died."""

    def __init__(
        self,
        store: CheckpointStore,
        send: Callable[[RunMessage], None],
        *,
        bundles: frozenset[str],
        max_receives: int,
        measure: Callable[[dict[str, Any]], None],
    ) -> None:
        self._store = store
        self._send = send
        self._bundles = bundles
        self._max_receives = max_receives
        self._measure = measure

    def run(self) -> dict[str, int]:
        """One round over all shards; `{due, sent, dead}`. Raises `CheckpointUnavailable`, and once the round
        is over the error of a message that could not be sent: the function's alarm is to tell of it."""
        unsent: list[Exception] = []
        counts = {"due": 0, "sent": 0, "dead": 0}
        now = int(self._store.now() * 1000)
        for shard in SHARDS:
            for key in self._store.table.due(f"{self._store.heads.agent}#{shard}", now, MOST_PER_SHARD):
                try:
                    head = self._store.table.get(key)
                except CheckpointSchemaUnknown as error:
                    _log.warning("run of another schema left alone", extra={"key": key}, exc_info=error)
                    continue
                if head is not None and "due_at" in head:  # else the index is a moment behind the table
                    self._see_to(head, now, counts, unsent)
        if unsent:
            raise unsent[-1]
        return counts

    def _see_to(
        self, head: dict[str, Any], now: int, counts: dict[str, int], unsent: list[Exception]
    ) -> None:
        counts["due"] += 1
        verdict = judge(head, now=now, max_receives=self._max_receives, bundles=self._bundles)
        if verdict is None:
            return
        if verdict.reason is not None:
            ended = end_from_outside(
                self._store, head, RunStatus.DEAD, verdict.reason, while_same=NOT_EXTENDED
            )
            counts["dead"] += ended
            if ended:
                self._measure(head)
        elif self._postpone(head, verdict.due_at):
            agent = self._store.heads.agent
            try:
                named = (head["run_id"], head["tenant"], head["bundle_id"], head.get("session"))
                self._send(RunMessage(agent, *named))
            except Exception as error:  # noqa: BLE001  one release's queue must not keep the others waiting
                _log.warning("run not sent", extra={"run_id": head["run_id"]}, exc_info=error)
                unsent.append(error)
            else:
                counts["sent"] += 1

    def _postpone(self, head: dict[str, Any], due_at: int) -> bool:
        """Written before the message is sent: of two reapers one sends, and one that dies is followed."""
        changes: dict[str, Value] = {"due_at": due_at}
        return (
            update_from_outside(self._store, head, changes, ("resends",), while_same=NOT_EXTENDED) is not None
        )
