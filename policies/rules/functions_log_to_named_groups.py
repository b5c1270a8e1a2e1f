"""C37d: a function logs to a group that somebody made."""

from collections.abc import Iterable
from typing import Any

from ..framework.index import StackIndex
from ..framework.outcomes import Fail, Level, Severity
from ..framework.resource import Resource
from ..framework.rule import StackRule, types
from ..framework.values import UNKNOWN, NotKnown
from ._functions import FUNCTION
from ._logs import GROUP


def check(function: Resource, stack: StackIndex) -> Iterable[Fail]:
    """By default Lambda makes `/aws/lambda/NAME` at the first call, without a retention and a key."""
    config = function.props.get("loggingConfig")
    if config is UNKNOWN or function.view.view("loggingConfig").says("logGroup"):
        return
    if stack.referring(function, GROUP, by=("name",)):
        return
    name = function.view.text("name")
    names = stack.once(_names)
    if f"/aws/lambda/{name}" in names:
        return
    if not name or UNKNOWN in names:
        raise NotKnown("loggingConfig.logGroup")
    yield Fail("Lambda makes its log group, which keeps everything for ever.", "loggingConfig.logGroup")


def _names(stack: StackIndex) -> set[Any]:
    return {group.props.get("name") for group in stack.of(GROUP)}


RULE = StackRule(
    id="C37d",
    name="functions-log-to-named-groups",
    title="Functions log to a group that the stack makes",
    why="A group that AWS makes by itself has no end, no key and no owner.",
    remediation="Make a LogGroup and name it in logging_config, or make /aws/lambda/NAME.",
    severity=Severity.LOW,
    level=Level.PROD,
    types=types(FUNCTION),
    sources=("https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-loggroups.html",),
    check=check,
)
