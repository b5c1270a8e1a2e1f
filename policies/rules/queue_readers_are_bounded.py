"""AG12: a function that reads a queue reports which messages failed, and takes no more than it may."""

from collections.abc import Iterable

from ..framework.index import StackIndex
from ..framework.outcomes import Fail, Severity
from ..framework.resource import Resource
from ..framework.rule import StackRule, types
from ._functions import MAPPING, UNRESERVED, function_named, mappings_to
from ._mappings import whole_batches
from ._queues import reads_a_queue

_FEWEST = 2


def check(mapping: Resource, stack: StackIndex) -> Iterable[Fail]:
    """Answers for mappings that read a queue."""
    if not reads_a_queue(mapping, stack):
        return
    yield from whole_batches(mapping)
    most = mapping.view.view("scalingConfig").number("maximumConcurrency")
    path = "scalingConfig.maximumConcurrency"
    if most is None or most < _FEWEST:
        yield Fail(f"no maximum concurrency of {_FEWEST} or more is set.", path)
        return
    function = function_named(mapping, "functionName", stack)
    if function is None:
        return
    reserved = function.view.number("reservedConcurrentExecutions", UNRESERVED) or 0
    if reserved == UNRESERVED:
        return
    whole = most + sum(_most(other) for other in _beside(mapping, function, stack))
    if whole > reserved:
        yield Fail(f"{whole:g} at once are more than the {reserved:g} reserved for {function.name}.", path)


def _beside(mapping: Resource, function: Resource, stack: StackIndex) -> list[Resource]:
    """Other queues' mappings to the same function: they share what is reserved for it."""
    found = mappings_to(function, stack)
    return [one for one in found if one is not mapping and reads_a_queue(one, stack)]


def _most(mapping: Resource) -> float:
    return mapping.view.view("scalingConfig").number("maximumConcurrency") or 0


RULE = StackRule(
    id="AG12",
    name="queue-readers-are-bounded",
    title="A function that reads a queue reports failures by message and takes what is reserved for it",
    why="Without them a good message is run again, or throttled until it is a dead letter.",
    remediation=(
        "Set function_response_types, and scaling_config.maximum_concurrency to the function's reserved "
        "concurrency at most."
    ),
    severity=Severity.MEDIUM,
    types=types(MAPPING),
    sources=(
        "https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html",
        "https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html",
    ),
    check=check,
)
