"""AG18b: an agent's role names the models that it may call."""

from collections.abc import Iterable

from ..framework.documents import Statement
from ..framework.index import StackIndex
from ..framework.outcomes import Fail, Severity
from ..framework.patterns import covers_somewhere
from ..framework.resource import Resource
from ..framework.rule import StackRule, types
from ._roles import ROLE, is_agents, rights_of

_CALLS = ("bedrock:InvokeModel", "bedrock:InvokeModelWithResponseStream", "bedrock:Converse")
_NOBODYS = "arn:aws:bedrock:{region}::foundation-model/a-model-that-nobody-named"


def check(role: Resource, stack: StackIndex) -> Iterable[Fail]:
    """Answers for roles with the tag `agent`. One that nobody named stands for all of them."""
    if not is_agents(role):
        return
    rights = rights_of(role, stack)
    for statement, holder in rights.held:
        calls = [call for call in _CALLS if statement.speaks_of_action(call) and rights.open(call)]
        if statement.allows and calls and _any_model(statement):
            yield Fail("the agent may call any model.", statement.path, holder.urn)


def _any_model(statement: Statement) -> bool:
    if statement.not_resources:
        return True
    return any(covers_somewhere(pattern, _NOBODYS) for pattern in statement.resources)


RULE = StackRule(
    id="AG18b",
    name="models-are-named",
    title="Roles of agents name the models that they may call",
    why="A model that nobody chose costs what nobody planned, and answers as nobody evaluated.",
    remediation="List the ARNs of models or inference profiles; no foundation-model/*.",
    severity=Severity.MEDIUM,
    types=types(ROLE),
    sources=("https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonbedrock.html",),
    check=check,
)
