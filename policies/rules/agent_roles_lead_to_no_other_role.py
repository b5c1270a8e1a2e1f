"""AG17b: an agent's role passes on named roles to named services alone, and takes no other role."""

from collections.abc import Iterable

from ..framework.documents import Statement
from ..framework.index import StackIndex
from ..framework.outcomes import Fail, Severity
from ..framework.patterns import covers_somewhere
from ..framework.resource import Resource
from ..framework.rule import StackRule, types
from ._roles import ROLE, is_agents, rights_of

_NOBODYS = "arn:aws:iam::{account}:role/a-role-that-nobody-named"
_EXACT = ("stringequals", "stringequalsifexists", "stringequalsignorecase", "stringlike")
_TAKING = ("sts:AssumeRole", "sts:AssumeRoot")


def check(role: Resource, stack: StackIndex) -> Iterable[Fail]:
    """Answers for roles with the tag `agent`, over all policies that the stack gives them, within their
    boundary and their denials."""
    if not is_agents(role):
        return
    rights = rights_of(role, stack)
    for statement, holder in rights.allowing("iam:PassRole"):
        yield from _passed(statement, holder)
    for statement, holder in rights.held:
        taking = [action for action in _TAKING if statement.speaks_of_action(action) and rights.open(action)]
        if statement.allows and taking:
            yield Fail(f"{taking[0]} lets the agent take another role.", statement.path, holder.urn)


def _passed(statement: Statement, holder: Resource) -> Iterable[Fail]:
    if statement.not_resources or any(covers_somewhere(arn, _NOBODYS) for arn in statement.resources):
        yield Fail("iam:PassRole is allowed for every role.", statement.path, holder.urn)
    services = [
        value
        for operator, _, values in statement.condition("iam:passedtoservice")
        if operator.rpartition(":")[2] in _EXACT
        for value in values
    ]
    if not services or any("*" in service for service in services):
        yield Fail("iam:PassRole names no service in iam:PassedToService.", statement.path, holder.urn)


RULE = StackRule(
    id="AG17b",
    name="agent-roles-lead-to-no-other-role",
    title="Roles of agents lead to no other role",
    why="A role that is passed on or taken holds rights that nobody gave to the agent.",
    remediation="Name roles and iam:PassedToService where iam:PassRole is allowed; take sts:AssumeRole out.",
    severity=Severity.CRITICAL,
    types=types(ROLE),
    external={"AWS Well-Architected": ("AGENTSEC03-BP03",)},
    sources=(
        "https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_passrole.html",
        "https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_boundaries.html",
    ),
    check=check,
)
