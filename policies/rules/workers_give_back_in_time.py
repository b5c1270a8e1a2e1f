"""AG11b: a message stays hidden for as long as a worker may work on it without saying so."""

from collections.abc import Iterable, Iterator

from ..framework.index import StackIndex
from ..framework.outcomes import Fail, Severity
from ..framework.resource import Resource
from ..framework.rule import StackRule, types
from ..framework.values import View
from ._agents import SERVICE
from ._containers import TASK, called, containers
from ._queues import DEFAULT_VISIBILITY, QUEUE, dead_letter_queues
from ._roles import is_agents

_BELIEVED = "AGENT_VISIBILITY_SECONDS"
"""By this variable our worker is told how long messages are hidden. It beats three times in that long, and
goes on beating while it stops."""
_NEEDED = "AGENT_STOP_SECONDS"
"""By this one how long it may take to hand its run over once it is told to stop."""
_DEFAULT_STOP = 30
"""Seconds: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_definition_parameters.html"""
_LONGEST_VISIBILITY = 43_200


def check(task: Resource, stack: StackIndex) -> Iterable[Fail]:
    """Answers for tasks of agents, over queues that a variable names by address, ARN or name."""
    services = stack.referring(task, SERVICE, by=("taskDefinition",))
    if not any(is_agents(held) for held in (task, *services)):
        return
    for container in containers(task):
        variables = {one.text("name"): one.text("value") for one in container.views("environment")}
        if queues := list(_queues(variables, stack)):
            yield from _has_time(container, variables)
        for queue in queues:
            yield from _judged(container, variables, queue)


def _has_time(container: View, variables: dict[str, str]) -> Iterable[Fail]:
    """A worker that is killed before it has handed its run over leaves it to the next one, half done."""
    needed, given = View(variables).number(_NEEDED), container.number("stopTimeout", _DEFAULT_STOP) or 0
    if needed is not None and given < needed:
        told = f"{called(container)} is killed after {given:g} s; it needs {needed:g} s to hand its run over."
        yield Fail(told, container.at("stopTimeout"))


def _judged(container: View, variables: dict[str, str], queue: Resource) -> Iterable[Fail]:
    at = "visibilityTimeoutSeconds"
    visibility = queue.view.number(at, DEFAULT_VISIBILITY) or 0
    if visibility > _LONGEST_VISIBILITY:
        yield Fail(f"AWS takes {_LONGEST_VISIBILITY} s at most.", at, queue.urn)
    if believed := View(variables).number(_BELIEVED):
        if visibility < believed:
            yield Fail(
                f"messages are hidden for {visibility:g} s; {called(container)} beats each "
                f"{believed / 3:g} s, so that three beats need {believed:g} s.",
                at,
                queue.urn,
            )
        return
    stop = container.number("stopTimeout", _DEFAULT_STOP) or 0
    if stop >= visibility:
        yield Fail(
            f"messages are hidden for {visibility:g} s; {called(container)} may work on for {stop:g} s after "
            "it was told to stop.",
            at,
            queue.urn,
        )


def _queues(variables: dict[str, str], stack: StackIndex) -> Iterator[Resource]:
    known = stack.once(_by_name)
    yield from {known[value].urn: known[value] for value in variables.values() if value in known}.values()


def _by_name(stack: StackIndex) -> dict[str, Resource]:
    """Queues of work by all that they are called."""
    dead = dead_letter_queues(stack)
    return {
        name: queue
        for queue in stack.of(QUEUE)
        if queue.urn not in dead
        for key in ("url", "id", "arn", "name")
        if isinstance(name := queue.props.get(key), str) and name
    }


RULE = StackRule(
    id="AG11b",
    name="workers-give-back-in-time",
    title="A queue hides messages for three heartbeats, and for longer than its workers need to stop",
    why="A message that shows again while a worker still holds it is run twice, and paid for twice.",
    remediation="Raise visibility_timeout_seconds of the queue, or set stopTimeout; EcsAgent sets both.",
    severity=Severity.HIGH,
    types=types(TASK),
    sources=(
        "https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-visibility-timeout.html",
        "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_definition_parameters.html",
    ),
    check=check,
)
