"""The event of a batch, and what the function's answer says of it."""

import base64
import json
from collections.abc import Iterator, Sequence, Set
from typing import Any

from moto.sqs.models import Message

PAYLOAD_LIMIT_BYTES = 6 * 1024 * 1024
"""https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventsourcemapping.html: a batch ends at 6 MB."""
_ROOM = len('{"Records": []}')


def record(message: Message, queue_arn: str) -> dict[str, Any]:
    """https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html, example standard and FIFO queue events."""
    attributes = {
        "ApproximateReceiveCount": str(message.approximate_receive_count),
        "SentTimestamp": str(message.sent_timestamp),
        "SenderId": message.sender_id,
        "ApproximateFirstReceiveTimestamp": str(message.approximate_first_receive_timestamp),
        "MessageGroupId": message.group_id,
        "MessageDeduplicationId": message.deduplication_id,
        "SequenceNumber": message.sequence_number,
        "AWSTraceHeader": (message.system_attributes.get("AWSTraceHeader") or {}).get("StringValue"),
    }
    named = {name: _attribute(given) for name, given in message.message_attributes.items()}
    return {
        "messageId": message.id,
        "receiptHandle": message.receipt_handle,
        "body": message.body,
        "attributes": {name: value for name, value in attributes.items() if value is not None},
        "messageAttributes": named,
        **({"md5OfMessageAttributes": message.attribute_md5} if named else {}),
        "md5OfBody": message.body_md5,
        "eventSource": "aws:sqs",
        "eventSourceARN": queue_arn,
        "awsRegion": queue_arn.split(":")[3],
    }


def payloads(messages: Sequence[Message], queue_arn: str) -> Iterator[tuple[list[Message], bytes]]:
    """The batch as events that each fit into a request, in order: several only where messages are large."""
    batch, texts, size = list[Message](), list[str](), _ROOM
    for message in messages:
        text = json.dumps(record(message, queue_arn))
        if batch and size + len(text) + 2 > PAYLOAD_LIMIT_BYTES:
            yield batch, _event(texts)
            batch, texts, size = [], [], _ROOM
        batch.append(message)
        texts.append(text)
        size += len(text) + 2
    yield batch, _event(texts)


def failed_ids(payload: bytes, sent: Set[str]) -> Set[str]:
    """Ids of the messages that come back, by the answer of a function that reports batch item failures.

    No list, or an empty one, is success. An answer that is no object, or an identifier that is missing, empty
    or not of this batch, fails all of it:
    https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
    """
    try:
        answer: Any = json.loads(payload or b"null")
        failures: Any = (answer or {}).get("batchItemFailures") or []
        failed = {item["itemIdentifier"] for item in failures}
    except (ValueError, TypeError, KeyError, AttributeError):
        return sent
    return failed if failed <= sent else sent


def _event(texts: Sequence[str]) -> bytes:
    return f'{{"Records": [{", ".join(texts)}]}}'.encode()


def _attribute(given: dict[str, Any]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    if given.get("StringValue") is not None:
        values["stringValue"] = given["StringValue"]
    binary = given.get("BinaryValue")
    if binary is not None:
        values["binaryValue"] = base64.b64encode(binary).decode() if isinstance(binary, bytes) else binary
    return {**values, "stringListValues": [], "binaryListValues": [], "dataType": given["DataType"]}
