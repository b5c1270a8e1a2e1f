"""C17d: a message that a subscriber did not take is kept."""

from collections.abc import Iterable

from ..framework.index import StackIndex
from ..framework.outcomes import Fail, Severity
from ..framework.resource import Resource
from ..framework.rule import StackRule, types
from ._queues import QUEUE, redrive_policy
from ._topics import SUBSCRIPTION


def check(subscription: Resource, stack: StackIndex) -> Iterable[Fail]:
    """SNS retries for hours or weeks, by protocol, and drops the message then; a subscriber that was deleted
    or forbids the call is not even retried."""
    if stack.referred(subscription, "redrivePolicy", QUEUE):
        return
    if not redrive_policy(subscription).text("deadLetterTargetArn"):
        yield Fail("messages that cannot be delivered are dropped.", "redrivePolicy")


RULE = StackRule(
    id="C17d",
    name="subscriptions-have-dead-letter-queues",
    title="Subscriptions of topics have a dead-letter queue",
    why="An alert that should have stopped an agent is lost, and nobody hears of it.",
    remediation="Set a redrive policy with dead_letter_target_arn, and let the topic send to that queue.",
    severity=Severity.MEDIUM,
    types=types(SUBSCRIPTION),
    external={"cdk-nag": ("SNSRedrivePolicy",)},
    sources=(
        "https://docs.aws.amazon.com/sns/latest/dg/sns-dead-letter-queues.html",
        "https://docs.aws.amazon.com/sns/latest/dg/sns-message-delivery-retries.html",
    ),
    check=check,
)
