"""Amazon SQS: what a receipt handle is still good for.

moto takes every handle that a message ever had.
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_DeleteMessage.html
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ChangeMessageVisibility.html
"""

from collections.abc import Callable, Iterable
from typing import Any

from moto.core.utils import unix_time_millis
from moto.sqs.constants import MAXIMUM_VISIBILITY_TIMEOUT
from moto.sqs.exceptions import InvalidParameterValue, ReceiptHandleIsInvalid, SQSException
from moto.sqs.models import Message, Queue, SQSBackend

from embedded_aws.patches import Replacement

_Outcome = tuple[list[str], list[dict[str, Any]]]


def replacements() -> list[Replacement]:
    delete = Queue.delete_message

    def delete_message(queue: Queue, receipt_handle: str) -> None:
        """An old handle leaves the message where it is: a standard queue calls that success, a FIFO queue
        refuses it, as it refuses any handle whose visibility timeout is over.

        https://repost.aws/knowledge-center/sqs-receipt-handle-error
        """
        with queue._messages_lock:
            message = _holder(queue, receipt_handle)
            stale = message is not None and message.receipt_handle != receipt_handle
            if message is not None and queue.fifo_queue and (stale or message.visible):
                raise _bad_handle(receipt_handle, "The receipt handle has expired.")
            if not stale:
                delete(queue, receipt_handle)
                # The next message of a FIFO group may be free now.
                queue._messages_lock.notify_all()

    def change_visibility(
        backend: SQSBackend, queue_name: str, receipt_handle: str, visibility_timeout: int
    ) -> None:
        queue = backend.get_queue(queue_name)
        with queue._messages_lock:
            message = _holder(queue, receipt_handle)
            if message is None and receipt_handle not in queue.deleted_messages:
                raise ReceiptHandleIsInvalid
            if message is None or message.receipt_handle != receipt_handle:
                unknown = "Message does not exist or is not available for visibility timeout change."
                raise _bad_handle(receipt_handle, unknown)
            if message.visible:
                raise SQSException("MessageNotInflight", "The specified message isn't in flight.")
            _check_total(message, int(visibility_timeout))
            message.change_visibility(int(visibility_timeout))
            queue._messages_lock.notify_all()

    def delete_batch(backend: SQSBackend, queue_name: str, receipts: list[dict[str, Any]]) -> _Outcome:
        return _each(receipts, lambda one: backend.delete_message(queue_name, one["ReceiptHandle"]))

    def change_batch(backend: SQSBackend, queue_name: str, entries: list[dict[str, Any]]) -> _Outcome:
        def change(one: dict[str, Any]) -> None:
            seconds = int(one.get("VisibilityTimeout") or 0)
            if not 0 <= seconds <= MAXIMUM_VISIBILITY_TIMEOUT:
                raise InvalidParameterValue(f"Value {seconds} for parameter VisibilityTimeout is invalid.")
            backend.change_message_visibility(queue_name, one["ReceiptHandle"], seconds)

        return _each(entries, change)

    return [
        (Queue, "delete_message", delete_message),
        (SQSBackend, "change_message_visibility", change_visibility),
        (SQSBackend, "delete_message_batch", delete_batch),
        (SQSBackend, "change_message_visibility_batch", change_batch),
    ]


def _holder(queue: Queue, receipt_handle: str) -> Message | None:
    return next((m for m in queue._messages if m.had_receipt_handle(receipt_handle)), None)


def _bad_handle(receipt_handle: str, reason: str) -> InvalidParameterValue:
    return InvalidParameterValue(
        f"Value {receipt_handle} for parameter ReceiptHandle is invalid. Reason: {reason}"
    )


def _check_total(message: Message, seconds: int) -> None:
    """12 hours in all from the receive that gave the handle, however often it is extended; moto counts them
    from when the message was sent."""
    end = unix_time_millis() + 1000 * seconds
    if end - message.received_at_ms > 1000 * MAXIMUM_VISIBILITY_TIMEOUT:  # type: ignore[attr-defined]
        raise InvalidParameterValue(
            f"Value {seconds} for parameter VisibilityTimeout is invalid. Reason: Total VisibilityTimeout "
            f"for the message is beyond the limit [{MAXIMUM_VISIBILITY_TIMEOUT} seconds]"
        )


def _each(entries: Iterable[dict[str, Any]], act: Callable[[dict[str, Any]], None]) -> _Outcome:
    done, failed = list[str](), list[dict[str, Any]]()
    for entry in entries:
        try:
            act(entry)
            done.append(entry["Id"])
        except SQSException as error:
            said = {"Code": error.code, "Message": error.message}
            failed.append({"Id": entry["Id"], "SenderFault": True, **said})
    return done, failed
