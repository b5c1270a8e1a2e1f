"""Which roles are reached by way of a person's approval alone.

A program is behind an approval where a state machine of this stack calls it, that state machine waits for a
task token, and nothing else of the stack calls the program:
https://docs.aws.amazon.com/step-functions/latest/dg/connect-to-resource.html#connect-wait-token
"""

import re

from ..framework.index import StackIndex
from ..framework.resource import Resource
from ._aliases import ALIAS
from ._containers import TASK
from ._functions import FUNCTION, FUNCTION_URL, INTEGRATION_V1, INTEGRATION_V2, MAPPING, PERMISSION

_MACHINE = "aws:sfn/stateMachine:StateMachine"
_WAITS_FOR_PERSON = ".waitForTaskToken"
_CALLERS = (
    MAPPING,
    FUNCTION_URL,
    "aws:sns/topicSubscription:TopicSubscription",
    "aws:cloudwatch/eventTarget:EventTarget",
    "aws:scheduler/schedule:Schedule",
    INTEGRATION_V2,
    INTEGRATION_V1,
)


def behind_approval(role: Resource, stack: StackIndex) -> bool:
    """Whether programs have the role, and each of them waits for an approval."""
    if stack.referring(role, TASK, by=("taskRoleArn",)):
        return False
    functions = stack.referring(role, FUNCTION, by=("role",))
    return bool(functions) and all(_waits(function, stack) for function in functions)


def _waits(function: Resource, stack: StackIndex) -> bool:
    called_by = stack.once(_machines).get(function.urn, [])
    if not called_by or not all(_has_token(machine) for machine in called_by):
        return False
    permitted = stack.referring(function, PERMISSION, by=("function",))
    strangers = [p for p in permitted if p.props.get("principal") != "states.amazonaws.com"]
    called_as = [function, *stack.referring(function, ALIAS, by=("functionName",))]
    return not strangers and not any(stack.referring(one, *_CALLERS) for one in called_as)


def _machines(stack: StackIndex) -> dict[str, list[Resource]]:
    """State machines by the URNs of the functions that they call: those that a definition was made from, and
    those whose ARN or name it holds."""
    called = {
        value: function
        for function in stack.of(FUNCTION)
        for key in ("arn", "name")
        if isinstance(value := function.props.get(key), str)
    }
    found: dict[str, list[Resource]] = {}
    for machine in stack.of(_MACHINE):
        definition = machine.props.get("definition")
        words = set(re.findall(r"[\w:./$-]+", definition)) if isinstance(definition, str) else set[str]()
        functions = [
            *stack.referred(machine, "definition", FUNCTION),
            *(called[w] for w in words & called.keys()),
        ]
        for urn in {function.urn for function in functions}:
            found.setdefault(urn, []).append(machine)
    return found


def _has_token(machine: Resource) -> bool:
    """A definition that nobody knows yet is read as one without: the rule is asked again in `up`."""
    definition = machine.props.get("definition")
    return isinstance(definition, str) and _WAITS_FOR_PERSON in definition
