"""C06: an event that a function could not work on is kept, or somebody is told."""

from collections.abc import Iterable

from ..framework.index import StackIndex
from ..framework.outcomes import Fail, Level, Severity
from ..framework.resource import Resource
from ..framework.rule import StackRule, types
from ..framework.values import UNKNOWN, NotKnown
from ._functions import FUNCTION, INVOKE_CONFIG, callers

_ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"
_TOLD_BY = ("Errors", "AsyncEventsDropped", "DestinationDeliveryFailures", "DeadLetterErrors")


def check(function: Resource, stack: StackIndex) -> Iterable[Fail]:
    """Answers for functions that are handed events, and for those of which the stack does not tell who calls
    them; not where all callers wait for the answer, or poll as event source mappings do, unless a
    configuration says that events are tried again.

    By default AWS tries an event three times within six hours, and drops it. A function that states 0
    retries takes events of which the next one makes up, such as a clock's: for those an alarm will do.
    """
    waiting, handing = stack.once(callers).get(function.urn, ([], []))
    configs = stack.referring(function, INVOKE_CONFIG, by=("functionName",))
    if waiting and not handing and (not configs or _drops(configs)):
        return
    if function.view.view("deadLetterConfig").says("targetArn"):
        return
    for config in configs:
        if config.view.view("destinationConfig").view("onFailure").says("destination"):
            return
    if configs and _drops(configs) and _somebody_is_told(function, stack):
        return
    if not configs and (hidden := _hidden(stack)):
        raise hidden
    yield Fail("an event that fails three times is dropped in silence.", "deadLetterConfig")


def _drops(configs: list[Resource]) -> bool:
    return all(config.view.number("maximumRetryAttempts", 2) == 0 for config in configs)


def _somebody_is_told(function: Resource, stack: StackIndex) -> bool:
    return any(
        alarm.view.flag("actionsEnabled", True)
        and alarm.view.says("alarmActions")
        and alarm.view.text("metricName") in _TOLD_BY
        for alarm in stack.referring(function, _ALARM, by=("dimensions",))
    )


def _hidden(stack: StackIndex) -> NotKnown | None:
    """A configuration of which nobody knows yet whose it is."""
    for config in stack.of(INVOKE_CONFIG):
        if config.props.get("functionName") is UNKNOWN and not stack.referred(config, "functionName"):
            return NotKnown("deadLetterConfig")
    return None


RULE = StackRule(
    id="C06",
    name="failed-events-are-kept",
    title="Functions that are handed events keep those that fail",
    why="A run that nobody waits for is lost, and nobody knows that it was asked for.",
    remediation=(
        "Set dead_letter_config, or make a FunctionEventInvokeConfig with a destination on failure; for "
        "events that may be lost, 0 retries and an alarm on Errors with an action."
    ),
    severity=Severity.MEDIUM,
    level=Level.PROD,
    types=types(FUNCTION),
    external={
        "Checkov": ("CKV_AWS_116",),
        "cdk-nag": ("LambdaAsyncFailureDestination", "LambdaDLQ"),
    },
    sources=("https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html",),
    check=check,
)
