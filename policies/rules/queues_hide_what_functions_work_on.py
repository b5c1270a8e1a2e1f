"""C12: a message stays hidden for as long as a function may work on it, retries of the batch included."""

from collections.abc import Iterable

from ..framework.index import StackIndex
from ..framework.outcomes import Fail, Severity
from ..framework.resource import Resource
from ..framework.rule import StackRule, types
from ..framework.values import NotKnown
from ._agents import OUTSIDE
from ._functions import MAPPING
from ._queues import reads_a_queue
from ._roles import is_agents
from ._visibility import SOURCE, function_of, shown_too_soon


def check(mapping: Resource, stack: StackIndex) -> Iterable[Fail]:
    """Answers for functions of no agent that read a queue; AG11 for those of agents."""
    if not reads_a_queue(mapping, stack):
        return
    function = function_of(mapping, stack)
    if function is None:
        raise NotKnown("functionName", OUTSIDE)
    if not is_agents(function):
        yield from shown_too_soon(mapping, function, stack)


RULE = StackRule(
    id="C12",
    name="queues-hide-what-functions-work-on",
    title="A queue hides messages for six times its function's timeout and the batch window",
    why="A message that shows again while it is worked on is worked on twice.",
    remediation="Raise visibility_timeout_seconds of the queue, or lower the function's timeout.",
    severity=Severity.MEDIUM,
    types=types(MAPPING),
    external={"cdk-nag": ("LambdaEventSourceSQSVisibilityTimeout",)},
    sources=(SOURCE,),
    check=check,
)
