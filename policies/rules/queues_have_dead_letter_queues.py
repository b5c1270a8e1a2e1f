"""C16: what a queue cannot deliver goes to another queue."""

from collections.abc import Iterable

from ..framework.index import StackIndex
from ..framework.outcomes import Fail, Severity
from ..framework.resource import Resource
from ..framework.rule import StackRule, types
from ._queues import QUEUE, dead_letter_queues, redrive_of


def check(queue: Resource, stack: StackIndex) -> Iterable[Fail]:
    """Which queues are dead-letter queues, others tell that name them. Queues of agents are AG10's, which
    asks for more."""
    if queue.tag("agent") or queue.urn in stack.once(dead_letter_queues):
        return
    if redrive_of(queue, stack) is None:
        yield Fail("it has no dead-letter queue.", "redrivePolicy")


RULE = StackRule(
    id="C16",
    name="queues-have-dead-letter-queues",
    title="Queues have a dead-letter queue",
    why="A message that fails each time is received until its retention ends, and is lost then.",
    remediation="Set a redrive policy with dead_letter_target_arn and max_receive_count.",
    severity=Severity.MEDIUM,
    types=types(QUEUE),
    external={"cdk-nag": ("AwsSolutions-SQS3", "SQSRedrivePolicy")},
    sources=(
        "https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html",
    ),
    check=check,
)
