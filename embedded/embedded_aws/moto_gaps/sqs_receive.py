"""Amazon SQS: receiving.

moto looks for messages without its lock, so that two consumers may get the same one; it sees a message that
becomes visible up to a second late; and it knows no fair queues.
"""

import socket
import threading
from collections.abc import Callable
from copy import deepcopy

from flask import has_request_context, request
from moto.backends import get_backend
from moto.core.utils import unix_time, unix_time_millis
from moto.sqs.models import Message, Queue, SQSBackend, _filter_message_attributes

from embedded_aws.moto_gaps.sqs_fair import fairly
from embedded_aws.patches import Replacement

ENDING = "embedded_aws.ending"
"""Key in the WSGI environment of an event that is set once no poll is to wait any more."""
_LONGEST_WAIT_SECONDS = 20.0


def receive(
    queue: Queue,
    count: int,
    wait_seconds: float,
    visibility_seconds: int,
    *,
    wanted: Callable[[], bool] = lambda: True,
) -> list[Message]:
    """Copies of up to `count` messages, in flight from now on; none after `wait_seconds` without any.

    It waits on the queue's own lock, which it does not hold meanwhile, and wakes as soon as a message comes
    or becomes visible. Ends early once `wanted` says no, which is asked whenever the lock is notified.
    """
    end = unix_time() + wait_seconds
    while True:
        with queue._messages_lock:
            if not wanted():
                return []
            taken, dead = _take(queue, count, visibility_seconds)
            left = end - unix_time()
            if not taken and not dead and left > 0:
                queue._messages_lock.wait(min(left, _seconds_to_next(queue)))
                continue
        # Two queues are never locked at a time: each may be the other's dead-letter queue.
        for message in dead:
            _bury(queue, message)
        if taken or left <= 0:
            return taken


def end_polls(account: str, ending: threading.Event) -> None:
    """Answers all that wait for messages: a worker that is told to stop ends its poll first."""
    ending.set()
    for backend in list(get_backend("sqs")[account].values()):
        for queue in list(backend.queues.values()):
            with queue._messages_lock:
                queue._messages_lock.notify_all()


def replacements() -> list[Replacement]:
    add = Queue.add_message

    def receive_message(
        backend: SQSBackend,
        queue_name: str,
        count: int,
        wait_seconds_timeout: int,
        visibility_timeout: int,
        message_attribute_names: list[str] | None = None,
    ) -> list[Message]:
        queue = backend.get_queue(queue_name)
        messages = receive(
            queue, count, wait_seconds_timeout, int(visibility_timeout), wanted=_somebody_listens
        )
        for message in messages:
            _filter_message_attributes(message, message_attribute_names or [])
        return messages

    def add_message(queue: Queue, message: Message) -> None:
        """Under the lock: two messages of one deduplication id must not both be the first."""
        with queue._messages_lock:
            add(queue, message)

    return [(SQSBackend, "receive_message", receive_message), (Queue, "add_message", add_message)]


def _somebody_listens() -> bool:
    """Whether the caller is still connected: a worker killed while it polls must take no message with it. Nor
    may any while the cloud ends."""
    environ = request.environ if has_request_context() else {}
    ending: threading.Event | None = environ.get(ENDING)
    if ending is not None and ending.is_set():
        return False
    connection: socket.socket | None = environ.get("werkzeug.socket")
    if connection is None:
        return True
    try:
        return connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) != b""
    except BlockingIOError:
        return True
    except OSError:
        return False


def _take(queue: Queue, count: int, visibility_seconds: int) -> tuple[list[Message], list[Message]]:
    """(messages to hand out, messages for the dead-letter queue); the queue's lock is held."""
    now = unix_time_millis()
    oldest = now - 1000 * int(queue.message_retention_period)  # type: ignore[attr-defined]
    queue._messages = [m for m in queue._messages if (m.sent_timestamp or 0) > oldest]
    in_flight = [m for m in queue._messages if m.visible_at >= now]
    ready = [m for m in queue._messages if m.visible_at < now and m.delayed_until <= now]
    if queue.fifo_queue:
        # A group waits for its messages in flight: that is how its order is kept.
        blocked = {m.group_id for m in in_flight}
        ready = [m for m in ready if m.group_id not in blocked]
    dead = [m for m in ready if _is_spent(queue, m)]
    queue._messages = [m for m in queue._messages if m not in dead]
    alive = [m for m in ready if m not in dead]
    taken = alive[:count] if queue.fifo_queue else fairly(alive, in_flight, count)
    for message in taken:
        message.mark_received(visibility_timeout=visibility_seconds)
        message.received_at_ms = now  # type: ignore[attr-defined]
    return [deepcopy(message) for message in taken], dead


def _is_spent(queue: Queue, message: Message) -> bool:
    """https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html"""
    policy = queue.redrive_policy  # type: ignore[attr-defined]
    if queue.dead_letter_queue is None or not policy:
        return False
    return message.approximate_receive_count >= policy["maxReceiveCount"]


def _bury(queue: Queue, message: Message) -> None:
    """Moves a message to the dead-letter queue; its handles are as good as those of a deleted one."""
    assert queue.dead_letter_queue is not None
    queue.deleted_messages.update(handle for handle in message.all_receipt_handles if handle)
    message.source_queue_arn = queue.queue_arn  # type: ignore[attr-defined]
    queue.dead_letter_queue.add_message(message)


def _seconds_to_next(queue: Queue) -> float:
    """Until a message becomes visible by itself."""
    now = unix_time_millis()
    times = [max(m.visible_at, m.delayed_until) for m in queue._messages]
    # A message is visible from the millisecond after `visible_at` on.
    return min((max(at - now, 0) / 1000 + 0.002 for at in times), default=_LONGEST_WAIT_SECONDS)
