"""C37e: the group that a function logs to is made beside it."""

from collections.abc import Iterable

from ..framework.index import StackIndex
from ..framework.outcomes import Fail, Level, Severity
from ..framework.resource import Resource
from ..framework.rule import StackRule, types
from ..framework.values import UNKNOWN, NotKnown
from ._functions import FUNCTION
from ._logs import GROUP


def check(function: Resource, stack: StackIndex) -> Iterable[Fail]:
    """Answers for functions that name a group. Lambda makes one that is missing, without a retention and a
    key; it may be another stack's, so that this is advice. Functions that name none are C37d's."""
    config = function.view.view("loggingConfig")
    if not config.says("logGroup") or stack.referred(function, "loggingConfig", GROUP):
        return
    name = config.text("logGroup")
    names = {group.props.get("name") for group in stack.of(GROUP)}
    if name in names:
        return
    if UNKNOWN in names:
        raise NotKnown(config.at("logGroup"))
    yield Fail(f"where nobody else makes {name}, Lambda does, and keeps everything.", config.at("logGroup"))


RULE = StackRule(
    id="C37e",
    name="groups-of-functions-are-in-the-stack",
    title="Log groups that functions name are made by the stack",
    why="A group that AWS makes by itself has no end, no key and no owner.",
    remediation="Make the LogGroup here, and pass its name on to logging_config.",
    severity=Severity.LOW,
    level=Level.ADVISORY,
    types=types(FUNCTION),
    sources=("https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-loggroups.html",),
    check=check,
)
