"""moto over HTTP with its gaps filled, and nothing else before it."""

import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.config import Config

from embedded_aws.moto_gaps import fill
from tests.embedded.functions_world import PATIENCE_SECONDS, REGION, Gateway, serving


@dataclass(frozen=True)
class Mended:
    url: str

    def client(self, service: str) -> Any:
        """Without retries: a refusal must arrive as it was sent."""
        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name=REGION,
            aws_access_key_id="admin",
            aws_secret_access_key="admin",
            config=Config(retries={"total_max_attempts": 1}, read_timeout=PATIENCE_SECONDS),
        )

    def queue(self, *, fifo: bool = False, **attributes: Any) -> "QueueOf":
        name = f"queue-{uuid.uuid4().hex[:8]}" + (".fifo" if fifo else "")
        given = {"FifoQueue": "true", "ContentBasedDeduplication": "true"} if fifo else {}
        given |= {
            key: value if isinstance(value, str) else json.dumps(value) for key, value in attributes.items()
        }
        sqs = self.client("sqs")
        return QueueOf(sqs, sqs.create_queue(QueueName=name, Attributes=given)["QueueUrl"])


@dataclass(frozen=True)
class QueueOf:
    sqs: Any
    url: str

    @property
    def arn(self) -> str:
        found = self.sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=["QueueArn"])
        return found["Attributes"]["QueueArn"]

    def send(self, *bodies: str, group: str | None = None) -> None:
        more = {} if group is None else {"MessageGroupId": group}
        for start in range(0, len(bodies), 10):
            entries = [
                {"Id": str(number), "MessageBody": body, **more}
                for number, body in enumerate(bodies[start : start + 10])
            ]
            assert not self.sqs.send_message_batch(QueueUrl=self.url, Entries=entries).get("Failed")

    def receive(self, count: int = 10, **how: Any) -> list[Any]:
        given = {"MessageSystemAttributeNames": ["All"], "WaitTimeSeconds": 0, **how}
        return self.sqs.receive_message(QueueUrl=self.url, MaxNumberOfMessages=count, **given).get(
            "Messages", []
        )

    def bodies(self, count: int = 10, **how: Any) -> list[str]:
        return [message["Body"] for message in self.receive(count, **how)]

    def release(self, message: Any) -> None:
        """Ends the message's visibility timeout: it can be received again."""
        self.change(message, 0)

    def change(self, message: Any, seconds: int) -> None:
        handle = message["ReceiptHandle"]
        self.sqs.change_message_visibility(QueueUrl=self.url, ReceiptHandle=handle, VisibilityTimeout=seconds)

    def delete(self, message: Any) -> None:
        self.sqs.delete_message(QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"])

    def held(self) -> tuple[int, int]:
        """(visible, in flight)"""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = self.sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=names)["Attributes"]
        return int(found[names[0]]), int(found[names[1]])


@contextmanager
def mended() -> Iterator[Mended]:
    undo = fill()
    try:
        with serving(Gateway()) as url:
            yield Mended(url)
    finally:
        undo()
