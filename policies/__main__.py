"""The policy pack: `pulumi preview --policy-pack policies`."""

from pulumi_policy import EnforcementLevel, PolicyPack
from rules import permission_boundary_on_agent_roles

PolicyPack(
    name="agent-hosting-policies",
    enforcement_level=EnforcementLevel.MANDATORY,
    policies=[permission_boundary_on_agent_roles.policy],
)
