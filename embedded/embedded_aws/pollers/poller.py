"""Polls for one mapping, as long as there is one."""

import threading
import time
from collections.abc import Callable

from moto.awslambda.exceptions import LambdaClientError
from moto.awslambda.models import EventSourceMapping
from moto.backends import get_backend
from moto.sqs.models import Message, Queue

from embedded_aws.moto_gaps.sqs_receive import receive
from embedded_aws.pollers.delivery import Delivery
from embedded_aws.pollers.mappings import concurrency, queue_of
from embedded_aws.pollers.records import PAYLOAD_LIMIT_BYTES

_POLL_SECONDS = 20.0
"""https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html: Lambda uses long polling."""
_FIRST_PAUSE_SECONDS = 1.0
_LAST_PAUSE_SECONDS = 30.0
_LARGEST_RECEIVE = 10


class Poller:
    """A thread that waits for messages, and one more for each batch that is being delivered.

    A batch is taken only when the mapping has a place for it: nothing is in flight that nobody works on.
    """

    def __init__(
        self,
        mapping: EventSourceMapping,
        delivery: Delivery,
        problem: Callable[[str, str], str | None],
        stopped: threading.Event,
    ) -> None:
        self._mapping, self._delivery, self._problem, self._stopped = mapping, delivery, problem, stopped
        self._changed = threading.Condition()
        self._delivering: set[threading.Thread] = set()
        self._thread = threading.Thread(target=self._run, name="lambda-poller", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        """To be called when the mapping has changed, and when the poller must stop."""
        with self._changed:
            self._changed.notify_all()
        queue = queue_of(self._mapping.event_source_arn)
        if queue is not None:
            with queue._messages_lock:
                queue._messages_lock.notify_all()

    def join(self) -> None:
        self._thread.join()
        with self._changed:
            delivering = list(self._delivering)
        for thread in delivering:
            thread.join()

    def _run(self) -> None:
        pause = _FIRST_PAUSE_SECONDS
        while self._lives():
            if not self._has_place():
                continue
            queue = queue_of(self._mapping.event_source_arn)
            problem = "The queue does not exist" if queue is None else self._access_problem(queue)
            if queue is None or problem is not None:
                self._mapping.last_processing_result = f"PROBLEM: {problem}"  # type: ignore[attr-defined]
                with self._changed:
                    self._changed.wait_for(lambda: not self._lives(), pause)
                pause = min(2 * pause, _LAST_PAUSE_SECONDS)
                continue
            pause = _FIRST_PAUSE_SECONDS
            messages, deadline = self._gathered(queue)
            if messages:
                self._hand_over(queue, messages, deadline)

    def _lives(self) -> bool:
        mapping = self._mapping
        backend = get_backend("lambda")[mapping.account_id][mapping.region]
        return not self._stopped.is_set() and backend.get_event_source_mapping(mapping.uuid) is mapping

    def _wanted(self) -> bool:
        return self._mapping.enabled and self._lives()

    def _has_place(self) -> bool:
        def has_place() -> bool:
            return self._mapping.enabled and len(self._delivering) < concurrency(self._mapping)

        with self._changed:
            # The timeout is for a mapping that vanished without a call, as by a reset of moto.
            self._changed.wait_for(lambda: has_place() or not self._lives(), _POLL_SECONDS)
            return has_place()

    def _access_problem(self, queue: Queue) -> str | None:
        mapping = self._mapping
        try:
            function = get_backend("lambda")[mapping.account_id][mapping.region].get_function(
                mapping.function_arn
            )
        except LambdaClientError as error:
            return error.description
        return self._problem(function.role, queue.queue_arn)

    def _gathered(self, queue: Queue) -> tuple[list[Message], float]:
        """A batch, and when the first of its messages becomes visible again, on the monotonic clock.

        It ends with its size, its window or its 6 MB, whatever comes first.
        """
        size, visibility = self._mapping.batch_size, _visibility_seconds(queue)
        first = min(size, _LARGEST_RECEIVE)
        messages = receive(queue, first, _POLL_SECONDS, visibility, wanted=self._wanted)
        began = time.monotonic()
        end = began + float(self._mapping.max_batch_window or 0)
        while messages and len(messages) < size and (left := end - time.monotonic()) > 0:
            if sum(len(message.body) for message in messages) >= PAYLOAD_LIMIT_BYTES or not self._wanted():
                break
            count = min(size - len(messages), _LARGEST_RECEIVE)
            messages += receive(queue, count, left, visibility, wanted=self._wanted)
        return messages, began + visibility

    def _hand_over(self, queue: Queue, messages: list[Message], deadline: float) -> None:
        def deliver() -> None:
            try:
                self._delivery.deliver(self._mapping, queue, messages, deadline)
            finally:
                with self._changed:
                    self._delivering.discard(threading.current_thread())
                    self._changed.notify_all()

        thread = threading.Thread(target=deliver, name="lambda-batch", daemon=True)
        with self._changed:
            self._delivering.add(thread)
        thread.start()


def _visibility_seconds(queue: Queue) -> int:
    return int(queue.visibility_timeout)  # type: ignore[attr-defined]
