"""AG10: what a work queue cannot deliver is kept where somebody looks, longer than the queue keeps it."""

from collections.abc import Iterable

from ..framework.index import StackIndex
from ..framework.outcomes import Fail, Severity
from ..framework.resource import Resource
from ..framework.rule import StackRule, types
from ..framework.values import NotKnown
from ._queues import (
    QUEUE,
    REDRIVE_ALLOW,
    dead_letter_queues,
    is_fifo,
    redrive_of,
    redrive_policy,
    retention,
)
from ._roles import is_agents

_ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"
_DEPTH = "ApproximateNumberOfMessagesVisible"
_FEWEST, _MOST = 3, 10


def check(queue: Resource, stack: StackIndex) -> Iterable[Fail]:
    """Answers for queues with the tag `agent` that are nobody's dead-letter queue. Others are C16's."""
    if not is_agents(queue) or queue.urn in stack.once(dead_letter_queues):
        return
    found = redrive_of(queue, stack)
    if found is None:
        yield Fail("it has no dead-letter queue.", "redrivePolicy")
        return
    holder, dead = found
    if dead is not None:
        yield from _kept(queue, dead)
        yield from _guarded(queue, dead, stack)
        yield from _seen(dead, stack)
    receives = redrive_policy(holder).number("maxReceiveCount")
    if receives is None or not _FEWEST <= receives <= _MOST:
        told = "nothing" if receives is None else f"{receives:g}"
        yield Fail(f"maxReceiveCount is {told}, not {_FEWEST} to {_MOST}.", "redrivePolicy", holder.urn)
    if dead is None:
        raise NotKnown("redrivePolicy.deadLetterTargetArn", "is kept outside this stack: judge it there.")


def _kept(queue: Resource, dead: Resource) -> Iterable[Fail]:
    if retention(dead) <= retention(queue):
        yield Fail(
            f"it keeps messages for {retention(dead):g} s, and {queue.name} for {retention(queue):g} s: "
            "a message's age counts from its first sending.",
            "messageRetentionSeconds",
            dead.urn,
        )
    if is_fifo(queue) is not is_fifo(dead):
        yield Fail("a queue and its dead-letter queue are both FIFO or neither.", "fifoQueue", dead.urn)


def _guarded(queue: Resource, dead: Resource, stack: StackIndex) -> Iterable[Fail]:
    """Default of redrivePermission is allowAll: any queue of the account may send its dead letters here."""
    holders = [dead] if dead.view.says("redriveAllowPolicy") else []
    holders += stack.referring(dead, REDRIVE_ALLOW, by=("queueUrl",))
    for holder in holders:
        policy = holder.view.json("redriveAllowPolicy")
        sources = policy.texts("sourceQueueArns")
        if policy.text("redrivePermission", "allowAll") == "byQueue" and sources:
            strangers = [arn for arn in sources if arn != queue.view.text("arn", arn)]
            if strangers:
                told = f"queues other than {queue.name} may send here."
                yield Fail(told, "redriveAllowPolicy", holder.urn)
            return
    yield Fail(
        f"it takes dead letters of any queue, not of {queue.name} alone.", "redriveAllowPolicy", dead.urn
    )


def _seen(dead: Resource, stack: StackIndex) -> Iterable[Fail]:
    for alarm in stack.referring(dead, _ALARM, by=("dimensions",)):
        view = alarm.view
        rises = view.text("comparisonOperator").startswith("GreaterThan")
        acts = view.says("alarmActions") and view.flag("actionsEnabled", True)
        if view.text("metricName") == _DEPTH and rises and acts:
            return
    yield Fail(f"no alarm with an action watches its {_DEPTH}.", "", dead.urn)


RULE = StackRule(
    id="AG10",
    name="dead-letters-of-work-queues",
    title="Each work queue has a dead-letter queue of its own that keeps longer and is watched",
    why="A run that fails each time is lost in silence, or is paid for again and again.",
    remediation=(
        "Make a RunQueue, or set a redrive policy with 3 to 10 receives, a longer retention, a redrive allow "
        "policy by queue and an alarm on depth."
    ),
    severity=Severity.HIGH,
    types=types(QUEUE),
    external={"cdk-nag": ("AwsSolutions-SQS3",)},
    sources=(
        "https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html",
    ),
    check=check,
)
