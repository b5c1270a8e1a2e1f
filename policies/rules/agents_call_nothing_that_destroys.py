"""AG16c: an agent cannot call past the approval what destroys."""

from collections.abc import Iterable

from ..framework.index import StackIndex
from ..framework.outcomes import Fail, Severity
from ..framework.resource import Resource
from ..framework.rule import StackRule, types
from ..framework.values import Malformed, NotKnown
from ._functions import FUNCTION
from ._roles import ROLE, covers, is_agents, rights_of
from .agents_destroy_nothing import DESTRUCTIVE

_CALL = "lambda:InvokeFunction"


def check(role: Resource, stack: StackIndex) -> Iterable[Fail]:
    """Answers for roles with the tag `agent`, over the functions of this stack whose roles may destroy."""
    if not is_agents(role):
        return
    hidden: NotKnown | None = None
    for statement, holder in rights_of(role, stack).allowing(_CALL):
        for arn, (function, unknown) in stack.once(_dangerous).items():
            if not (covers(statement, arn) or covers(statement, f"{arn}:live")):
                continue
            if unknown is None:
                told = f"it may call {function.name}, which destroys, and no approval stands between."
                yield Fail(told, statement.path, holder.urn)
            hidden = hidden or unknown
    if hidden is not None:
        raise hidden


def _dangerous(stack: StackIndex) -> dict[str, tuple[Resource, NotKnown | None]]:
    """Functions by ARN, or by its pattern while nobody knows it, whose roles may destroy, or might: then with
    what is unknown of them."""
    found: dict[str, tuple[Resource, NotKnown | None]] = {}
    for function in stack.of(FUNCTION):
        try:
            roles = stack.referred(function, "role", ROLE)
            if any(next(rights_of(role, stack).allowing(a), None) for role in roles for a in DESTRUCTIVE):
                found[_arn(function)] = function, None
        except NotKnown as unknown:
            found[_arn(function)] = function, unknown
        except Malformed:
            continue  # told where that policy itself is judged
    return found


def _arn(function: Resource) -> str:
    if isinstance(arn := function.props.get("arn"), str):
        return arn
    name = function.props.get("name")
    told = name if isinstance(name, str) else f"{function.name}-???????"
    return f"arn:aws:lambda:{{region}}:{{account}}:function:{told}"


RULE = StackRule(
    id="AG16c",
    name="agents-call-nothing-that-destroys",
    title="Roles of agents may call no function whose role destroys",
    why="What the agent may not do itself it would have done by the function, unapproved.",
    remediation="Let a state machine call the function after .waitForTaskToken, and the agent start that.",
    severity=Severity.CRITICAL,
    types=types(ROLE),
    external={"AWS Well-Architected": ("AGENTSEC07",)},
    sources=("https://docs.aws.amazon.com/step-functions/latest/dg/connect-to-resource.html",),
    check=check,
)
