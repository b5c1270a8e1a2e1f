"""AG17b: an agent's role passes on named roles to named services alone, and takes no other role."""

from collections.abc import Iterable

from ..framework.documents import Statement
from ..framework.index import StackIndex
from ..framework.outcomes import Fail, Severity
from ..framework.patterns import matches
from ..framework.resource import Resource
from ..framework.rule import StackRule, types
from ._roles import ROLE, is_agents, policies_of

_NO_NAMED_ROLE = "arn:aws:iam::123456789012:role/any-role-that-nobody-named"
_EXACT = ("stringequals", "stringlike", "stringequalsignorecase")


def check(role: Resource, stack: StackIndex) -> Iterable[Fail]:
    """Answers for roles with the tag `agent`, over all policies that the stack gives them."""
    if is_agents(role):
        for statement, holder in policies_of(role, stack):
            yield from _judged(statement, holder)


def _judged(statement: Statement, holder: Resource) -> Iterable[Fail]:
    if not statement.allows:
        return
    if statement.speaks_of_action("iam:PassRole"):
        if statement.not_resources or any(_every_role(arn) for arn in statement.resources):
            yield Fail("iam:PassRole is allowed for every role.", statement.path, holder.urn)
        services = [
            value
            for operator, _, values in statement.condition("iam:passedtoservice")
            if operator in _EXACT
            for value in values
        ]
        if not services or "*" in services:
            yield Fail("iam:PassRole names no service in iam:PassedToService.", statement.path, holder.urn)
    if statement.speaks_of_action("sts:AssumeRole"):
        yield Fail("sts:AssumeRole lets the agent take another role.", statement.path, holder.urn)


def _every_role(arn: str) -> bool:
    account = arn.split(":")[4] if arn.count(":") >= 5 else ""
    named = _NO_NAMED_ROLE.replace("123456789012", account if account.isdigit() else "123456789012")
    return matches(arn, named)


RULE = StackRule(
    id="AG17b",
    name="agent-roles-lead-to-no-other-role",
    title="Roles of agents lead to no other role",
    why="A role that is passed on or taken holds rights that nobody gave to the agent.",
    remediation="Name roles and iam:PassedToService where iam:PassRole is allowed; take sts:AssumeRole out.",
    severity=Severity.CRITICAL,
    types=types(ROLE),
    external={"AWS Well-Architected": ("AGENTSEC03-BP03",)},
    sources=("https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_passrole.html",),
    check=check,
)
