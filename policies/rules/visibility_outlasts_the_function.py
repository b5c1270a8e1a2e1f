"""AG11: a message stays hidden for as long as an agent's function may work on it, retries included."""

from collections.abc import Iterable

from ..framework.index import StackIndex
from ..framework.outcomes import Fail, Severity
from ..framework.resource import Resource
from ..framework.rule import StackRule, types
from ._functions import MAPPING
from ._roles import is_agents
from ._visibility import SOURCE, function_of, shown_too_soon


def check(mapping: Resource, stack: StackIndex) -> Iterable[Fail]:
    """Answers for agents' functions that read a queue; C12 for all others."""
    function = function_of(mapping, stack)
    if function is not None and is_agents(function):
        yield from shown_too_soon(mapping, function, stack)


RULE = StackRule(
    id="AG11",
    name="visibility-outlasts-the-function",
    title="A queue hides messages for six times its agent's timeout and the batch window",
    why="A message that shows again while it is worked on is run twice, and paid for twice.",
    remediation="Raise visibility_timeout_seconds of the queue, or lower the function's timeout.",
    severity=Severity.HIGH,
    types=types(MAPPING),
    external={"cdk-nag": ("LambdaEventSourceSQSVisibilityTimeout",)},
    sources=(SOURCE,),
    check=check,
)
