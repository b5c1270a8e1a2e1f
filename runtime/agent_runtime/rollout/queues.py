"""Runs that wait for a release which was sent back: they move to the stable release, or end with a reason.

A run that no worker has begun is nobody's yet. One that was begun belongs to its release: only where both
bundles declare the same version of their checkpoints does it go on from its last step in the other.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from agent_runtime.checkpoints import CheckpointStore
from agent_runtime.copies import copied_run
from agent_runtime.errors import MessageUnreadable
from agent_runtime.heads import QUEUED_SECONDS
from agent_runtime.hosts.queue import Queue, Received, RunMessage
from agent_runtime.moving import adopt, end_with_its_release, is_in_hand, same_checkpoints
from agent_runtime.records import ENDED, RunStatus
from agent_runtime.rollout.record import Record
from agent_runtime.rollout.store import State

_log = logging.getLogger("agent_runtime.rollout.queues")
_BATCH: Final = 10
_HIDDEN_SECONDS: Final = 30
"""For which a message is hidden while it is moved; whoever dies in the middle is followed after that."""


@dataclass(frozen=True)
class QueueTraffic:
    """Submit reads the traffic record itself: what is left to do is to empty the queues of bad releases.

    `queue` gives the queue of a URL, `has_time` whether another batch may begin.
    """

    store: CheckpointStore
    queue: Callable[[str], Queue]
    has_time: Callable[[], bool]

    def apply(self, state: State, latest: Callable[[], Record]) -> None:
        """Raises botocore's errors and `CheckpointUnavailable`: the next call goes on."""
        record = latest()
        stable = state.releases.get(f"{record.stable}#ecs", {})
        for bundle_id in record.rejected:
            release = state.releases.get(f"{bundle_id}#ecs", {})
            if bundle_id in record.shares or "queue_url" not in release or "queue_url" not in stable:
                continue
            may_go_on = same_checkpoints(release, stable)
            self._empty(self.queue(release["queue_url"]), self.queue(stable["queue_url"]), record, may_go_on)

    def _empty(self, bad: Queue, good: Queue, record: Record, may_go_on: bool) -> None:
        while self.has_time() and (found := bad.receive(_BATCH, 0, _HIDDEN_SECONDS)):
            gone = [held.receipt_handle for held in found if self._moves(held, good, record, may_go_on)]
            bad.delete(gone)

    def _moves(self, received: Received, good: Queue, record: Record, may_go_on: bool) -> bool:
        """Whether the message has nothing left to say. First the run is moved, then a new message is sent,
        then the old one goes: after a death in between the old one tells."""
        try:
            message = RunMessage.read(received.body)
        except MessageUnreadable:
            return False  # its receives end it in the dead-letter queue
        if copied_run(message.run_id) is not None:
            return True  # a copy has nothing to show of a release that went back
        head = self.store.find_head(message.tenant, message.run_id)
        if head is None or RunStatus(head["status"]) in ENDED:
            return True
        if head["bundle_id"] != record.stable:
            if is_in_hand(self.store, head):
                return False
            if head["epoch"] > 0 and not may_go_on:
                return end_with_its_release(self.store, head)
            due = int(self.store.now() * 1000) + QUEUED_SECONDS * 1000
            if not adopt(self.store, head, record.stable, due_at=due):
                return False
        good.send(RunMessage(message.agent, message.run_id, message.tenant, record.stable, message.session))
        _log.info("run moved", extra={"run_id": message.run_id, "bundle": record.stable})
        return True
