"""AG17b: an agent's role passes on named roles to named services alone, and takes no other role."""

from collections.abc import Iterable

from ..framework.documents import Statement
from ..framework.index import StackIndex
from ..framework.outcomes import Fail, Severity
from ..framework.patterns import covers_somewhere
from ..framework.resource import Resource
from ..framework.rule import StackRule, types
from ._roles import ROLE, is_agents, policies_of

_NOBODYS = "arn:aws:iam::{account}:role/a-role-that-nobody-named"
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
        if statement.not_resources or any(covers_somewhere(arn, _NOBODYS) for arn in statement.resources):
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
