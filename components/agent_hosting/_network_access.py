"""Who may use a network's endpoints of AWS, and where its flow logs go."""

from collections.abc import Mapping
from typing import Any

import pulumi
import pulumi_aws as aws

from agent_hosting import statements
from agent_hosting._keys import account_id
from agent_hosting.agent_identity import AgentIdentity
from agent_hosting.statements import Statement

_ACTIONS_OF = {
    "bedrock-runtime": "bedrock",
    **{
        "dynamodb": "dynamodb",
        "ec2": "ec2",
        "ecr.api": "ecr",
        "ecr.dkr": "ecr",
        "kms": "kms",
        "logs": "logs",
    },
    **{"s3": "s3", "secretsmanager": "secretsmanager", "sqs": "sqs", "sts": "sts"},
}
"""What actions begin with by service, where its endpoint takes a policy."""


def endpoint_policy(
    service: str, account: pulumi.Input[str], region: pulumi.Input[str]
) -> pulumi.Output[str] | None:
    """The account's own principals alone, so that stolen keys of another account carry nothing out."""
    if service not in _ACTIONS_OF:
        return None
    allowed: list[Statement] = [
        {
            "Sid": "OwnPrincipals",
            "Effect": "Allow",
            "Principal": "*",
            "Action": f"{_ACTIONS_OF[service]}:*",
            "Resource": "*",  # what each may do there, its own policy says
            "Condition": {"StringEquals": {"aws:PrincipalAccount": account}},
        }
    ]
    if service == "sts":
        # Who shows a token of OpenID Connect is nobody's principal yet: the role's own trust judges it.
        allowed.append(
            {
                "Sid": "OwnRolesByToken",
                "Effect": "Allow",
                "Principal": "*",
                "Action": "sts:AssumeRoleWithWebIdentity",
                "Resource": pulumi.Output.concat("arn:aws:iam::", account, ":role/*"),
            }
        )
    if service == "s3":
        # ECR keeps layers in buckets of its own and signs for them itself:
        # https://docs.aws.amazon.com/AmazonECR/latest/userguide/vpc-endpoints.html
        layers = pulumi.Output.concat("arn:aws:s3:::prod-", region, "-starport-layer-bucket/*")
        allowed.append(
            {
                "Sid": "ImageLayers",
                "Effect": "Allow",
                "Principal": "*",
                "Action": "s3:GetObject",
                "Resource": layers,
            }
        )
    return statements.policy(allowed)


def named(name: str, tags: Any, more: Mapping[str, str] | None = None) -> pulumi.Output[dict[str, str]]:
    """`tags` and `more` with the one that names a resource of EC2."""
    return pulumi.Output.from_input(tags or {}).apply(lambda given: {**given, **(more or {}), "Name": name})


def keep_flow_logs(
    name: str,
    vpc: aws.ec2.Vpc,
    boundary_arn: pulumi.Input[str],
    log_days: int,
    log_key_arn: pulumi.Input[str] | None,
    tags: Any,
    parent: pulumi.Resource,
) -> None:
    """Who spoke with whom: https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs-iam-role.html"""
    child = pulumi.ResourceOptions(parent=parent)
    region = aws.get_region_output(opts=pulumi.InvokeOutputOptions(parent=parent)).region
    log = aws.cloudwatch.LogGroup(
        f"{name}-flows", retention_in_days=log_days, kms_key_id=log_key_arn, tags=tags, opts=child
    )
    write = statements.write_logs(log.arn)
    write["Action"] = [*write["Action"], "logs:DescribeLogGroups", "logs:DescribeLogStreams"]
    identity = AgentIdentity(
        f"{name}-flows",
        {
            "boundary_arn": boundary_arn,
            "service": "vpc-flow-logs.amazonaws.com",
            "source_arn": pulumi.Output.concat(
                "arn:aws:ec2:", region, ":", account_id(parent), ":vpc-flow-log/*"
            ),
            "statements": pulumi.Output.from_input([write]),
            "tags": tags,
        },
        opts=child,
    )
    aws.ec2.FlowLog(
        f"{name}-flows",
        vpc_id=vpc.id,
        traffic_type="ALL",
        log_destination_type="cloud-watch-logs",
        log_destination=log.arn,
        iam_role_arn=identity.role_arn,
        tags=named(f"{name}-flows", tags),
        opts=pulumi.ResourceOptions(parent=parent, depends_on=[identity]),
    )
