"""AG16b: no policy that is added later lets an agent destroy."""

from collections.abc import Iterable

from ..framework.index import StackIndex
from ..framework.outcomes import Fail, Severity
from ..framework.resource import Resource
from ..framework.rule import StackRule, types
from ..framework.values import NotKnown
from ._agents import OUTSIDE
from ._approvals import behind_approval
from ._roles import ROLE, is_agents, rights_of
from .agents_destroy_nothing import DESTRUCTIVE


def check(role: Resource, stack: StackIndex) -> Iterable[Fail]:
    """Answers for roles with the tag `agent`, but for those behind an approval: each action is denied by one
    of their policies or their boundary, or the boundary leaves it out."""
    if not is_agents(role):
        return
    rights = rights_of(role, stack)
    left = [action for action in DESTRUCTIVE if rights.open(action)]
    if left and not behind_approval(role, stack):
        if rights.boundary is None and role.view.says("permissionsBoundary"):
            raise NotKnown("permissionsBoundary", OUTSIDE)
        more = f" and {len(left) - 3} more" if len(left) > 3 else ""
        yield Fail(
            f"neither a denial nor a boundary keeps it from {', '.join(left[:3])}{more}.",
            "permissionsBoundary",
        )


RULE = StackRule(
    id="AG16b",
    name="agents-are-denied-destruction",
    title="Roles of agents are denied what destroys, whatever is added to them later",
    why="A policy that somebody attaches in a hurry would undo all care.",
    remediation="Set a boundary that allows data-plane calls alone, or deny these actions on every resource.",
    severity=Severity.HIGH,
    types=types(ROLE),
    external={"AWS Well-Architected": ("AGENTSEC07",)},
    sources=(
        "https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_boundaries.html",
        "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html",
    ),
    check=check,
)
