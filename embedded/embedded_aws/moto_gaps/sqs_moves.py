"""Amazon SQS: redriving a dead-letter queue, which moto lacks.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_StartMessageMoveTask.html. The whole
queue is moved within the call, whatever MaxNumberOfMessagesPerSecond says: no task is ever seen RUNNING.
"""

import time
import uuid
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

from moto.core.responses import ActionResult
from moto.sqs.exceptions import InvalidParameterValue, SQSException
from moto.sqs.models import Message, Queue, SQSBackend
from moto.sqs.responses import SQSResponse

from embedded_aws.patches import Replacement

_MOST_LISTED = 10


@dataclass
class _Task:
    source_arn: str
    destination_arn: str | None
    handle: str = field(default_factory=lambda: uuid.uuid4().hex)
    started_ms: int = field(default_factory=lambda: int(time.time() * 1000))
    moved: int = 0
    to_move: int = 0
    failure: str | None = None

    def described(self) -> dict[str, Any]:
        said = {
            "Status": "FAILED" if self.failure else "COMPLETED",
            "SourceArn": self.source_arn,
            "DestinationArn": self.destination_arn,
            "ApproximateNumberOfMessagesMoved": self.moved,
            "ApproximateNumberOfMessagesToMove": self.to_move,
            "FailureReason": self.failure,
            "StartedTimestamp": self.started_ms,
        }
        return {name: value for name, value in said.items() if value is not None}


def replacements() -> list[Replacement]:
    tasks = WeakKeyDictionary[Queue, list[_Task]]()

    def start(response: SQSResponse) -> ActionResult:
        backend = response.sqs_backend
        source_arn, destination_arn = response._get_param("SourceArn"), response._get_param("DestinationArn")
        source = _queue(backend, source_arn, "SourceArn")
        if destination_arn:
            _queue(backend, destination_arn, "DestinationArn")
        if not backend.list_dead_letter_source_queues(source.name):
            raise InvalidParameterValue("Source queue must be configured as a Dead Letter Queue.")
        task = _Task(source_arn, destination_arn or None)
        tasks.setdefault(source, []).append(task)
        _move(backend, source, task)
        return ActionResult({"TaskHandle": task.handle})

    def list_tasks(response: SQSResponse) -> ActionResult:
        source = _queue(response.sqs_backend, response._get_param("SourceArn"), "SourceArn")
        most = min(int(response._get_param("MaxResults") or 1), _MOST_LISTED)
        return ActionResult({"Results": [t.described() for t in reversed(tasks.get(source, []))][:most]})

    def cancel(_response: SQSResponse) -> ActionResult:
        raise SQSException("ResourceNotFoundException", "Task does not exist or is not in RUNNING state.")

    return [
        (SQSResponse, "start_message_move_task", start),
        (SQSResponse, "list_message_move_tasks", list_tasks),
        (SQSResponse, "cancel_message_move_task", cancel),
    ]


def _queue(backend: SQSBackend, arn: str, parameter: str) -> Queue:
    found = next((q for q in list(backend.queues.values()) if q.queue_arn == arn), None)
    if found is None:
        message = f"The resource that you specified for the {parameter} parameter doesn't exist."
        raise SQSException("ResourceNotFoundException", message)
    return found


def _move(backend: SQSBackend, source: Queue, task: _Task) -> None:
    waiting = source.messages
    task.to_move = len(waiting)
    for message in waiting:
        arn = task.destination_arn or getattr(message, "source_queue_arn", None)
        destination = next((q for q in list(backend.queues.values()) if q.queue_arn == arn), None)
        if destination is None:
            task.failure = "CouldNotDetermineMessageSource"
            return
        with source._messages_lock:
            if message not in source._messages or not message.visible:
                continue
            source._messages = [m for m in source._messages if m is not message]
        _send_again(backend, destination, message)
        task.moved += 1


def _send_again(backend: SQSBackend, destination: Queue, message: Message) -> None:
    """A redriven message is a new one: its id, its age and its count of receives begin again."""
    backend.send_message(
        destination.name,
        message.body,
        message_attributes=message.message_attributes,
        deduplication_id=message.deduplication_id,
        group_id=message.group_id,
        system_attributes=message.system_attributes,
    )
