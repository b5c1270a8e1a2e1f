"""C11: what an event source mapping cannot deliver goes somewhere, and it alone."""

from collections.abc import Iterable

from ..framework.index import StackIndex
from ..framework.outcomes import Fail, Severity
from ..framework.resource import Resource
from ..framework.rule import StackRule, types
from ..framework.values import UNKNOWN, NotKnown
from ._agents import OUTSIDE
from ._functions import MAPPING
from ._mappings import STREAM_TYPES, whole_batches
from ._queues import QUEUE, reads_a_queue, redrive_of

_OTHER_SOURCES = ("mq", "rds")
"""Brokers keep what failed themselves, and DocumentDB has no destination."""


def check(mapping: Resource, stack: StackIndex) -> Iterable[Fail]:
    """A queue has a dead-letter queue of its own; streams and topics of Kafka have a destination on failure,
    by default none, and then a bad record holds its shard up until it is too old."""
    if reads_a_queue(mapping, stack):
        yield from whole_batches(mapping)
        queue = stack.one(mapping, "eventSourceArn", QUEUE)
        if queue is None:
            raise NotKnown("eventSourceArn", OUTSIDE)
        if redrive_of(queue, stack) is None:
            yield Fail(f"{queue.name} has no dead-letter queue.", "eventSourceArn")
        return
    arn = mapping.view.text("eventSourceArn") if mapping.props.get("eventSourceArn") is not UNKNOWN else ""
    if _service(arn) in _OTHER_SOURCES:
        return
    if not mapping.view.view("destinationConfig").view("onFailure").says("destinationArn"):
        yield Fail("records that fail for good go nowhere.", "destinationConfig.onFailure")
    if _is_stream(mapping, arn, stack):
        yield from whole_batches(mapping)


def _is_stream(mapping: Resource, arn: str, stack: StackIndex) -> bool:
    return _service(arn) in ("kinesis", "dynamodb") or bool(
        stack.referred(mapping, "eventSourceArn", *STREAM_TYPES)
    )


def _service(arn: str) -> str:
    """In whatever partition: `arn:aws-cn:kinesis:...`."""
    return arn.partition(":")[2].partition(":")[2].partition(":")[0]


RULE = StackRule(
    id="C11",
    name="what-mappings-cannot-deliver-is-kept",
    title="Event source mappings keep what fails for good, and return that alone",
    why="A bad record is lost in silence, or is worked on again and again together with good ones.",
    remediation=(
        "Give the queue a redrive policy, or the mapping a destination on failure, and set "
        "function_response_types to ReportBatchItemFailures."
    ),
    severity=Severity.MEDIUM,
    types=types(MAPPING),
    external={"cdk-nag": ("LambdaEventSourceMappingDestination",)},
    sources=(
        "https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html",
        "https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html",
    ),
    check=check,
)
