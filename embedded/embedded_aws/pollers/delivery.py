"""One batch: the function is called with it, and what it has done with is deleted."""

import threading
import time
from collections.abc import Callable, Sequence

from moto.awslambda.models import EventSourceMapping
from moto.sqs.exceptions import SQSException
from moto.sqs.models import Message, Queue

from embedded_aws.functions.invocation import Invocation
from embedded_aws.pollers.mappings import reports_items
from embedded_aws.pollers.records import failed_ids, payloads

Invoke = Callable[[str, str, str | None, bytes], Invocation]
"""Region, function's ARN, qualifier (None: the ARN's own), payload."""
_FIRST_RETRY_SECONDS = 0.1
_LAST_RETRY_SECONDS = 5.0


class Delivery:
    """`stopped` ends the wait of a batch that is throttled."""

    def __init__(self, invoke: Invoke, stopped: threading.Event, log: Callable[[str], None]) -> None:
        self._invoke, self._stopped, self._log = invoke, stopped, log

    def deliver(
        self, mapping: EventSourceMapping, queue: Queue, messages: Sequence[Message], deadline: float
    ) -> None:
        """`deadline`, on the monotonic clock, is when the messages become visible again."""
        for batch, payload in payloads(messages, queue.queue_arn):
            result = self._invoked(mapping, payload, deadline)
            if self._stopped.is_set() and (result is None or result.function_error):
                return
            failed = _failed(mapping, result, batch)
            mapping.last_processing_result = _said(result, len(failed))  # type: ignore[attr-defined]
            for message in batch:
                if message.id not in failed:
                    self._delete(queue, message)

    def _invoked(self, mapping: EventSourceMapping, payload: bytes, deadline: float) -> Invocation | None:
        """The function's answer; None where it was throttled until the messages became visible again.

        https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html, backoff strategy. The
        alias or version of the mapping is looked up at each call.
        """
        pause = _FIRST_RETRY_SECONDS
        while True:
            result = self._invoke(mapping.region, mapping.function_arn, None, payload)
            if result.status != 429:
                return result
            if self._stopped.wait(pause) or time.monotonic() >= deadline:
                return None
            pause = min(2 * pause, _LAST_RETRY_SECONDS)

    def _delete(self, queue: Queue, message: Message) -> None:
        try:
            queue.delete_message(str(message.receipt_handle))
        except SQSException as error:
            self._log(f"{queue.queue_arn}: message {message.id} is done but comes again: {error.message}")


def _failed(mapping: EventSourceMapping, result: Invocation | None, batch: Sequence[Message]) -> set[str]:
    sent = {message.id for message in batch}
    if result is None or result.status >= 400 or result.function_error:
        return sent
    return set(failed_ids(result.payload, sent)) if reports_items(mapping) else set()


def _said(result: Invocation | None, failed: int) -> str:
    if result is None:
        return "PROBLEM: Function call was throttled"
    if result.status >= 400 or result.function_error:
        return "PROBLEM: Function call failed"
    return f"PROBLEM: {failed} messages failed" if failed else "OK"
