"""AG11: a message stays hidden for as long as a function may work on it, retries of the batch included."""

from collections.abc import Iterable

from ..framework.index import StackIndex
from ..framework.outcomes import Fail, Severity
from ..framework.resource import Resource
from ..framework.rule import StackRule, types
from ..framework.values import NotKnown
from ._queues import DEFAULT_VISIBILITY, FUNCTION, MAPPING, QUEUE, reads_a_queue

_TIMES = 6
_DEFAULT_TIMEOUT = 3
_LONGEST_VISIBILITY = 43_200


def check(mapping: Resource, stack: StackIndex) -> Iterable[Fail]:
    """Answers for mappings that read a queue."""
    if not reads_a_queue(mapping, stack):
        return
    queue = stack.one(mapping, "eventSourceArn", QUEUE)
    function = stack.one(mapping, "functionName", FUNCTION)
    if queue is None or function is None:
        missing = "eventSourceArn" if queue is None else "functionName"
        raise NotKnown(missing, "is kept outside this stack: judge it there.")
    visibility = queue.view.number("visibilityTimeoutSeconds", DEFAULT_VISIBILITY) or 0
    timeout = function.view.number("timeout", _DEFAULT_TIMEOUT) or 0
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


RULE = StackRule(
    id="AG11",
    name="visibility-outlasts-the-function",
    title="A queue hides messages for six times its function's timeout and the batch window",
    why="A message that shows again while it is worked on is run twice, and paid for twice.",
    remediation="Raise visibility_timeout_seconds of the queue, or lower the function's timeout.",
    severity=Severity.HIGH,
    types=types(MAPPING),
    external={"cdk-nag": ("LambdaEventSourceSQSVisibilityTimeout",)},
    sources=("https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html",),
    check=check,
)
