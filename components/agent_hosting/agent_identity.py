"""The role that one agent runs as."""

from collections.abc import Sequence
from typing import Any, NotRequired, TypedDict

import pulumi
import pulumi_aws as aws

from agent_hosting import statements
from agent_hosting._validation import Inputs


class AgentIdentityArgs(TypedDict):
    boundary_arn: pulumi.Input[str]
    """Permission boundary of the role, such as `AgentPlatform.boundary_arn`: no policy can lift the role
    above it."""
    service: NotRequired[str]
    """The one AWS service that may take the role. Defaults to `lambda.amazonaws.com`."""
    source_arn: NotRequired[pulumi.Input[str]]
    """Pattern of the ARN on whose behalf the service may take the role. Omit where the service names none,
    as Lambda."""
    statements: NotRequired[pulumi.Input[Sequence[Any]]]
    """IAM statements of the role's policy. Defaults to none: the role can do nothing."""
    tags: NotRequired[pulumi.Input[dict[str, pulumi.Input[str]]]]
    """Tags of the role. Defaults to none."""


class AgentIdentity(pulumi.ComponentResource):
    """A role for one agent that may do nothing until a statement allows it, and never more than its
    boundary."""

    role_arn: pulumi.Output[str]
    """ARN of the role."""
    role_name: pulumi.Output[str]
    """Name of the role, to attach further policies to."""

    def __init__(
        self, name: str, args: AgentIdentityArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("agent-hosting:index:AgentIdentity", name, {}, opts)
        inputs = Inputs("AgentIdentity", name, args)
        inputs.known(AgentIdentityArgs.__annotations__)
        inputs.required("boundary_arn", "Take it from an AgentPlatform: platform.boundary_arn.")
        child = pulumi.ResourceOptions(parent=self)

        role = aws.iam.Role(
            name,
            assume_role_policy=statements.policy(
                [statements.trust(args.get("service") or "lambda.amazonaws.com", args.get("source_arn"))]
            ),
            permissions_boundary=args["boundary_arn"],
            tags=args.get("tags"),
            opts=child,
        )
        given = args.get("statements")
        if given is not None:
            document = pulumi.Output.from_input(given).apply(lambda found: statements.policy(list(found)))
            aws.iam.RolePolicy(f"{name}-policy", role=role.name, policy=document, opts=child)

        self.role_arn, self.role_name = role.arn, role.name
        self.register_outputs({"role_arn": self.role_arn, "role_name": self.role_name})
