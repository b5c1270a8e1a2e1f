"""SQS queues, their dead-letter queues and who reads them.

Defaults: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html
"""

from ..framework.index import StackIndex
from ..framework.resource import Resource
from ..framework.values import UNKNOWN, View
from ._functions import FUNCTION, INVOKE_CONFIG, MAPPING

QUEUE = "aws:sqs/queue:Queue"
REDRIVE = "aws:sqs/redrivePolicy:RedrivePolicy"
REDRIVE_ALLOW = "aws:sqs/redriveAllowPolicy:RedriveAllowPolicy"
_FAILURES = (
    (INVOKE_CONFIG, "destinationConfig"),
    (FUNCTION, "deadLetterConfig"),
    (MAPPING, "destinationConfig"),
    ("aws:sns/topicSubscription:TopicSubscription", "redrivePolicy"),
    ("aws:cloudwatch/eventTarget:EventTarget", "deadLetterConfig"),
)
"""What else sends its failures to a queue."""
_SCHEDULE = "aws:scheduler/schedule:Schedule"
"""One property of it names both whom it calls and where calls go that could not be made."""
DEFAULT_RETENTION = 345_600
DEFAULT_VISIBILITY = 30


def redrive_of(queue: Resource, stack: StackIndex) -> tuple[Resource, Resource | None] | None:
    """What holds the queue's redrive policy, itself or a resource of its own, and the queue it names."""
    held = [queue] if queue.view.says("redrivePolicy") else stack.referring(queue, REDRIVE, by=("queueUrl",))
    for holder in held:
        named = [other for other in stack.referred(holder, "redrivePolicy", QUEUE) if other is not queue]
        if named:
            return holder, named[0]
        if redrive_policy(holder).text("deadLetterTargetArn"):
            return holder, None
    return None


def dead_letter_queues(stack: StackIndex) -> frozenset[str]:
    """URNs of the queues that take what others could not deliver."""
    named: set[str] = set()
    for holder in stack.of(QUEUE, REDRIVE):
        named |= {
            other.urn for other in stack.referred(holder, "redrivePolicy", QUEUE) if other is not holder
        }
    for kind, key in _FAILURES:
        for holder in stack.of(kind):
            named |= {other.urn for other in stack.referred(holder, key, QUEUE)}
    for schedule in stack.of(_SCHEDULE):
        target = schedule.props.get("target")
        if isinstance(target, dict) and target.get("deadLetterConfig"):
            called = target.get("arn")
            named |= {
                other.urn
                for other in stack.referred(schedule, "target", QUEUE)
                if called is UNKNOWN or other.view.text("arn") != called
            }
    return frozenset(named)


def retention(queue: Resource) -> float:
    return queue.view.number("messageRetentionSeconds", DEFAULT_RETENTION) or 0


def is_fifo(queue: Resource) -> bool:
    return queue.view.flag("fifoQueue", False)


def reads_a_queue(mapping: Resource, stack: StackIndex) -> bool:
    """Whether an event source mapping reads SQS: streams and brokers have other rules."""
    found = {other.type for other in stack.referred(mapping, "eventSourceArn")}
    if QUEUE in found:
        return True
    if found and mapping.props.get("eventSourceArn") is UNKNOWN:
        return False
    return mapping.view.text("eventSourceArn").split(":")[2:3] == ["sqs"]


def redrive_policy(holder: Resource) -> View:
    return holder.view.json("redrivePolicy")
