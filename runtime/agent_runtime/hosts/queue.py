"""A release's queue, as workers and senders see it: a message names a run, which lies in the table."""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from agent_runtime.errors import MessageUnreadable

SCHEMA_VERSION: Final = 1
LONGEST_DELAY_SECONDS: Final = 900
"""https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-delay-queues.html"""
BATCH: Final = 10
"""https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html"""


@dataclass(frozen=True)
class RunMessage:
    """Which run is to be worked on. Its input is in the table: a message lost or doubled loses nothing."""

    agent: str
    run_id: str
    tenant: str
    bundle_id: str
    session: str | None = None
    """Its session, where the sender knows it."""

    def body(self) -> str:
        named = {name: value for name, value in asdict(self).items() if value is not None}
        return json.dumps({"schema_version": SCHEMA_VERSION, **named})

    @staticmethod
    def read(body: str) -> "RunMessage":
        """The message of its body. Raises `MessageUnreadable` saying what is wrong with it."""
        try:
            given: object = json.loads(body)
        except ValueError:
            raise MessageUnreadable("the body is not JSON") from None
        if not isinstance(given, dict) or given.get("schema_version") != SCHEMA_VERSION:
            raise MessageUnreadable(f"the body is no message of schema version {SCHEMA_VERSION}")
        names = ("agent", "run_id", "tenant", "bundle_id")
        values = [given.get(name) for name in names]
        if not all(isinstance(value, str) and value for value in values):
            raise MessageUnreadable(f"the body needs the texts {', '.join(names)}")
        session = given.get("session")
        return RunMessage(*[str(value) for value in values], session=str(session) if session else None)


@dataclass(frozen=True)
class Received:
    """A message as one receive gave it."""

    message_id: str
    receipt_handle: str
    body: str
    receive_count: int
    sent_at: int
    """Milliseconds since 1970."""
    group: str
    asked_at: float = 0.0
    """Monotonic seconds at which the receive was begun: its time of hiding has begun no earlier."""


class Queue:
    """One SQS queue. Calls raise botocore's errors."""

    def __init__(self, client: Any, url: str) -> None:
        self._client = client
        self.url: Final = url
        self._dead_letter_url: str | None = None

    def send(self, message: RunMessage, *, delay_seconds: int = 0) -> None:
        """Send to the tenant's group, so that a flood of one tenant does not delay the others':
        https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-fair-queues.html
        """
        delay = {"DelaySeconds": delay_seconds} if delay_seconds else {}
        group = group_of(message.tenant)
        self._client.send_message(
            QueueUrl=self.url, MessageBody=message.body(), MessageGroupId=group, **delay
        )

    def receive(self, most: int, wait_seconds: int, visibility_seconds: int) -> list[Received]:
        """Up to `most` (1 to 10) messages, hidden from others for `visibility_seconds`."""
        asked_at = time.monotonic()
        reply = self._client.receive_message(
            QueueUrl=self.url,
            MaxNumberOfMessages=most,
            WaitTimeSeconds=wait_seconds,
            VisibilityTimeout=visibility_seconds,
            MessageSystemAttributeNames=["ApproximateReceiveCount", "SentTimestamp", "MessageGroupId"],
        )
        return [_received(message, asked_at) for message in reply.get("Messages", [])]

    def delete(self, receipt_handles: Sequence[str]) -> None:
        """Delete messages, ten in a call."""
        for some in _batches(receipt_handles):
            entries = [{"Id": str(n), "ReceiptHandle": handle} for n, handle in enumerate(some)]
            self._client.delete_message_batch(QueueUrl=self.url, Entries=entries)

    def hide(self, receipt_handles: Sequence[str], seconds: int) -> None:
        """Hide messages for `seconds` from now, ten in a call. One that is no longer ours is passed over."""
        for some in _batches(receipt_handles):
            entries = [
                {"Id": str(n), "ReceiptHandle": handle, "VisibilityTimeout": seconds}
                for n, handle in enumerate(some)
            ]
            self._client.change_message_visibility_batch(QueueUrl=self.url, Entries=entries)

    def bury(self, received: Received, reason: str) -> None:
        """Move a message to the dead-letter queue now, with the reason, instead of after its last receive."""
        self._client.send_message(
            QueueUrl=self._dead_letters(),
            MessageBody=received.body,
            MessageAttributes={"Reason": {"DataType": "String", "StringValue": reason[:500] or "unknown"}},
        )
        self.delete([received.receipt_handle])

    def without_message(self, message: RunMessage) -> "Queue":
        """This queue, as it is for a run that has no message in it."""
        return _NoMessage(self._client, self.url, message)

    def _dead_letters(self) -> str:
        """The dead-letter queue's address: it stands beside this queue, in the same account and region."""
        if self._dead_letter_url is None:
            reply = self._client.get_queue_attributes(QueueUrl=self.url, AttributeNames=["RedrivePolicy"])
            arn: str = json.loads(reply["Attributes"]["RedrivePolicy"])["deadLetterTargetArn"]
            self._dead_letter_url = f"{self.url.rsplit('/', 1)[0]}/{arn.rsplit(':', 1)[1]}"
        return self._dead_letter_url


class _NoMessage(Queue):
    """A run that was begun without a message is seen again by sending one."""

    def __init__(self, client: Any, url: str, message: RunMessage) -> None:
        super().__init__(client, url)
        self._message = message

    def hide(self, receipt_handles: Sequence[str], seconds: int) -> None:  # noqa: ARG002  there are none
        self.send(self._message, delay_seconds=min(seconds, LONGEST_DELAY_SECONDS))

    def delete(self, receipt_handles: Sequence[str]) -> None:
        """Nothing is there to delete."""


def senders(client: Any, queues: Mapping[str, str]) -> Callable[[RunMessage], None]:
    """Sends each message to the queue of its bundle; `queues` are URLs by bundle id."""
    by_bundle = {bundle_id: Queue(client, url) for bundle_id, url in queues.items()}
    return lambda message: by_bundle[message.bundle_id].send(message)


def group_of(tenant: str) -> str:
    """A message group id takes 128 letters, digits and punctuation marks; a tenant's name may hold more."""
    if tenant.isascii() and tenant.isprintable() and " " not in tenant:
        return tenant
    return tenant.encode().hex()[:128]


def _batches(handles: Sequence[str]) -> list[Sequence[str]]:
    return [handles[first : first + BATCH] for first in range(0, len(handles), BATCH)]


def _received(message: dict[str, Any], asked_at: float) -> Received:
    attributes = message.get("Attributes", {})
    return Received(
        message["MessageId"],
        message["ReceiptHandle"],
        message["Body"],
        int(attributes.get("ApproximateReceiveCount", 1)),
        int(attributes.get("SentTimestamp", 0)),
        attributes.get("MessageGroupId", ""),
        asked_at,
    )
