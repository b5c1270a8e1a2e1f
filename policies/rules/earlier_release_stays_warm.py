"""AG23: the release before the newest stays where it is, so that going back is one write."""

from collections.abc import Iterable

from ..framework.index import StackIndex
from ..framework.outcomes import Fail, Severity
from ..framework.resource import Resource
from ..framework.rule import StackRule, types
from ..framework.values import UNKNOWN, NotKnown
from ._agents import SERVICE
from ._aliases import ALIAS
from ._functions import FUNCTION, callers
from ._roles import is_agents

_TASK = "aws:ecs/taskDefinition:TaskDefinition"


def check(resource: Resource, stack: StackIndex) -> Iterable[Fail]:
    """Answers for agents' functions that have an alias or that somebody waits for, and for agents' services.
    The helpers around an agent, which nobody rolls out in steps, have neither."""
    if not is_agents(resource):
        return
    if resource.type == FUNCTION:
        yield from _function(resource, stack)
    else:
        yield from _service(resource, stack)


def _function(function: Resource, stack: StackIndex) -> Iterable[Fail]:
    """By default nothing is published, and an upload takes the place of what was there before. What is
    published stays, whatever is published after it."""
    aliases = stack.referring(function, ALIAS, by=("functionName",))
    waiting, _ = stack.once(callers).get(function.urn, ([], []))
    if not aliases and not waiting:
        return
    if not function.view.flag("publish", False):
        yield Fail("it publishes no versions: an upload replaces the release before.", "publish")
    for caller in waiting:
        if not _by_alias(caller, stack):
            yield Fail("it calls the newest upload, and no alias that could be moved back.", "", caller.urn)


def _by_alias(caller: Resource, stack: StackIndex) -> bool:
    keys = ("uri", "integrationUri", "functionName")
    if any(stack.referred(caller, key, ALIAS) for key in keys):
        return True
    qualifier = caller.props.get("qualifier")
    return qualifier is UNKNOWN or bool(qualifier)


def _service(service: Resource, stack: StackIndex) -> Iterable[Fail]:
    """A service of its own for each release is never updated in place: a new one comes beside it. In a
    service for all of them the former task definition must stay registered, which it does not by default."""
    bundle = service.tag("bundle")
    if bundle and bundle in service.name:
        return
    task = stack.one(service, "taskDefinition", _TASK)
    if task is None:
        raise NotKnown("taskDefinition", "is kept outside this stack: judge it there.")
    if not task.view.flag("skipDestroy", False):
        yield Fail("its task definition is deregistered when the next one comes.", "skipDestroy", task.urn)


RULE = StackRule(
    id="AG23",
    name="earlier-release-stays-warm",
    title="An agent's earlier release stays in place beside the newest",
    why="Where the earlier release must be built and uploaded again, going back takes an hour, not a second.",
    remediation=(
        "Publish versions and call an alias; on ECS give each release a service named by its bundle, or set "
        "skip_destroy on the task definition."
    ),
    severity=Severity.MEDIUM,
    types=types(FUNCTION, SERVICE),
    sources=(
        "https://docs.aws.amazon.com/lambda/latest/dg/configuration-versions.html",
        "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deregister-task-definition-v2.html",
    ),
    check=check,
)
