"""AG17: an agent's role has a permission boundary, so that no later policy lifts it above data-plane
calls."""

from collections.abc import Iterable

from ..framework.outcomes import Fail, Severity
from ..framework.resource import Resource
from ..framework.rule import ResourceRule, types
from ._roles import ROLE, is_agents

_BOUNDING_NOTHING = ("/AdministratorAccess", "/IAMFullAccess", "/PowerUserAccess")


def check(role: Resource) -> Iterable[Fail]:
    """Answers for roles with the tag `agent`; any other is none of its business. What a boundary of this
    stack leaves open is AG16b's."""
    if not is_agents(role):
        return
    named = role.view.text("permissionsBoundary").strip()
    if not named:
        yield Fail("the agent's role has no permission boundary.", "permissionsBoundary")
    elif named.endswith(_BOUNDING_NOTHING):
        yield Fail(f"{named.rpartition('/')[2]} bounds nothing.", "permissionsBoundary")


RULE = ResourceRule(
    id="AG17",
    name="permission-boundary-on-agent-roles",
    title="Roles of agents carry a permission boundary",
    why="Without one, a policy added later lifts the role above the agent's own calls.",
    remediation="Set permissions_boundary, such as AgentPlatform.boundary_arn.",
    severity=Severity.CRITICAL,
    types=types(ROLE),
    external={"AWS Well-Architected": ("AGENTSEC03-BP03",)},
    sources=("https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_boundaries.html",),
    check=check,
)
