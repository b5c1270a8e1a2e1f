"""AG17: an agent's role has a permission boundary, so that no later policy lifts it above data-plane
calls."""

from pulumi_policy import (
    EnforcementLevel,
    ReportViolation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
)


def check(args: ResourceValidationArgs, report: ReportViolation) -> None:
    """Answers for roles with the tag `agent`; any other resource is none of its business."""
    if args.resource_type != "aws:iam/role:Role" or "agent" not in (args.props.get("tags") or {}):
        return
    if not args.props.get("permissionsBoundary"):
        report(
            "The agent's role has no permission boundary. Set permissions_boundary, such as "
            "AgentPlatform.boundary_arn, "
            "so that no policy added later lifts the role above it.",
            None,
        )


policy = ResourceValidationPolicy(
    name="permission-boundary-on-agent-roles",
    description="Roles of agents carry a permission boundary (AG17; AGENTSEC03-BP03).",
    enforcement_level=EnforcementLevel.MANDATORY,
    validate=check,
)
