"""AG12: a function that reads a queue reports which messages failed, and takes no more than it may."""

from collections.abc import Iterable

from ..framework.index import StackIndex
from ..framework.outcomes import Fail, Severity
from ..framework.resource import Resource
from ..framework.rule import StackRule, types
from ._queues import FUNCTION, MAPPING, reads_a_queue

_FEWEST = 2
_UNRESERVED = -1


def check(mapping: Resource, stack: StackIndex) -> Iterable[Fail]:
    """Answers for mappings that read a queue."""
    if not reads_a_queue(mapping, stack):
        return
    if "ReportBatchItemFailures" not in mapping.view.texts("functionResponseTypes"):
        yield Fail("one failed message returns the whole batch to the queue.", "functionResponseTypes")
    most = mapping.view.view("scalingConfig").number("maximumConcurrency")
    path = "scalingConfig.maximumConcurrency"
    if most is None or most < _FEWEST:
        yield Fail(f"no maximum concurrency of {_FEWEST} or more is set.", path)
        return
    function = stack.one(mapping, "functionName", FUNCTION)
    if function is not None:
        reserved = function.view.number("reservedConcurrentExecutions", _UNRESERVED) or 0
        if reserved != _UNRESERVED and most > reserved:
            yield Fail(f"{most:g} at once are more than the {reserved:g} reserved for {function.name}.", path)


RULE = StackRule(
    id="AG12",
    name="queue-readers-are-bounded",
    title="A function that reads a queue reports failures by message and has a maximum concurrency",
    why="Without them a good message is run again, or throttled until it is a dead letter.",
    remediation="Set function_response_types and scaling_config.maximum_concurrency.",
    severity=Severity.MEDIUM,
    types=types(MAPPING),
    sources=(
        "https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html",
        "https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html",
    ),
    check=check,
)
