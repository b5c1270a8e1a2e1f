"""How long a queue hides a message, against how long a function may work on it."""

from collections.abc import Iterable

from ..framework.index import StackIndex
from ..framework.outcomes import Fail
from ..framework.resource import Resource
from ..framework.values import NotKnown
from ._agents import OUTSIDE
from ._functions import DEFAULT_TIMEOUT, function_named
from ._queues import DEFAULT_VISIBILITY, QUEUE, reads_a_queue

SOURCE = "https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html"
_TIMES = 6
_LONGEST_VISIBILITY = 43_200


def function_of(mapping: Resource, stack: StackIndex) -> Resource | None:
    """The function that the mapping hands a queue's messages to; None for streams and what is elsewhere."""
    return function_named(mapping, "functionName", stack) if reads_a_queue(mapping, stack) else None


def shown_too_soon(mapping: Resource, function: Resource, stack: StackIndex) -> Iterable[Fail]:
    """Six times the timeout, for retries while it is throttled, and what a batch waits to be filled."""
    queue = stack.one(mapping, "eventSourceArn", QUEUE)
    if queue is None:
        raise NotKnown("eventSourceArn", OUTSIDE)
    visibility = queue.view.number("visibilityTimeoutSeconds", DEFAULT_VISIBILITY) or 0
    timeout = function.view.number("timeout", DEFAULT_TIMEOUT) or 0
    window = mapping.view.number("maximumBatchingWindowInSeconds", 0) or 0
    needed = _TIMES * timeout + window
    if visibility < needed:
        yield Fail(
            f"messages are hidden for {visibility:g} s; {function.name} runs for up to {timeout:g} s and "
            f"batches wait for {window:g} s, so {needed:g} s are needed.",
            "visibilityTimeoutSeconds",
            queue.urn,
        )
    if visibility > _LONGEST_VISIBILITY:
        yield Fail(f"AWS takes {_LONGEST_VISIBILITY} s at most.", "visibilityTimeoutSeconds", queue.urn)
