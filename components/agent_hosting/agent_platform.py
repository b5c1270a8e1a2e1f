"""What the agents of one environment share: the control table and the permission boundary."""

from typing import NotRequired, TypedDict

import pulumi
import pulumi_aws as aws

from agent_hosting import statements
from agent_hosting._validation import Inputs


class PlatformReference(TypedDict):
    """An `AgentPlatform` as the agents on it know it: its outputs by name."""

    control_table_name: pulumi.Input[str]
    """Name of the control table."""
    control_table_arn: pulumi.Input[str]
    """ARN of the control table."""
    boundary_arn: pulumi.Input[str]
    """ARN of the permission boundary that every agent's role carries."""


class AgentPlatformArgs(TypedDict):
    retain_data: NotRequired[bool]
    """Whether tables outlive the stack: deletion protection and retention. Defaults to true, since lost
    releases cannot be rolled back to."""
    tags: NotRequired[pulumi.Input[dict[str, pulumi.Input[str]]]]
    """Tags of every resource, beside the ones that components set. Defaults to none."""


class AgentPlatform(pulumi.ComponentResource):
    """What the agents of one environment share: the table of releases and brakes, and the permission
    boundary."""

    control_table_name: pulumi.Output[str]
    """Table of the releases, the traffic record and the brake of each agent."""
    control_table_arn: pulumi.Output[str]
    """ARN of that table."""
    boundary_arn: pulumi.Output[str]
    """Managed policy to set as the permission boundary of each agent's role."""

    def __init__(
        self, name: str, args: AgentPlatformArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("agent-hosting:index:AgentPlatform", name, {}, opts)
        given = args
        Inputs("AgentPlatform", name, given).known(AgentPlatformArgs.__annotations__)
        child = pulumi.ResourceOptions(parent=self)
        retain = given.get("retain_data", True)

        table = aws.dynamodb.Table(
            name,
            billing_mode="PAY_PER_REQUEST",
            hash_key="agent",
            range_key="item",
            attributes=[{"name": "agent", "type": "S"}, {"name": "item", "type": "S"}],
            point_in_time_recovery={"enabled": True},
            deletion_protection_enabled=retain,
            tags=given.get("tags"),
            opts=pulumi.ResourceOptions(parent=self, retain_on_delete=retain),
        )
        boundary = aws.iam.Policy(
            f"{name}-boundary",
            description="The most that any agent's role may do",
            policy=statements.policy(statements.boundary()),
            tags=given.get("tags"),
            opts=child,
        )

        self.control_table_name, self.control_table_arn = table.name, table.arn
        self.boundary_arn = boundary.arn
        self.register_outputs(
            {
                "control_table_name": self.control_table_name,
                "control_table_arn": self.control_table_arn,
                "boundary_arn": self.boundary_arn,
            }
        )


def reference_to(platform: AgentPlatform) -> PlatformReference:
    """What an agent on `platform` has to be given."""
    return {
        "control_table_name": platform.control_table_name,
        "control_table_arn": platform.control_table_arn,
        "boundary_arn": platform.boundary_arn,
    }
