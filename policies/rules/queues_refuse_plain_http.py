"""C15: a queue's policy denies everyone what does not come over TLS."""

from collections.abc import Iterable

from ..framework.index import StackIndex
from ..framework.outcomes import Fail, Level, Severity
from ..framework.resource import Resource
from ..framework.rule import StackRule, types
from ._queues import QUEUE
from ._related import policy_of
from ._resource_policies import refuses_plain_http

_MESSAGES = ("sqs:SendMessage", "sqs:ReceiveMessage")


def check(queue: Resource, stack: StackIndex) -> Iterable[Fail]:
    """A queue without a policy takes HTTP: SQS has endpoints for it."""
    held = [one for one, _ in policy_of(queue, stack, "aws:sqs/queuePolicy:QueuePolicy", "queueUrl")]
    arn = queue.props.get("arn")
    if not refuses_plain_http(held, _MESSAGES, arn if isinstance(arn, str) else ""):
        yield Fail("its policy does not deny requests without TLS.", "policy")


RULE = StackRule(
    id="C15",
    name="queues-refuse-plain-http",
    title="Queues are reached over TLS alone",
    why="Messages hold what callers said to an agent, and HTTP shows them to the network.",
    remediation="Deny sqs:* to everyone in the queue's policy where aws:SecureTransport is false.",
    severity=Severity.MEDIUM,
    types=types(QUEUE),
    level=Level.PROD,
    external={"cdk-nag": ("AwsSolutions-SQS4",)},
    sources=(
        "https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-security-best-practices.html",
    ),
    check=check,
)
