"""AG16: what destroys or changes rights is in a separate role that is reached by way of an approval."""

from collections.abc import Iterable

from ..framework.index import StackIndex
from ..framework.outcomes import Fail, Severity
from ..framework.resource import Resource
from ..framework.rule import StackRule, types
from ._agent_statements import allowed
from ._roles import ROLE

DESTRUCTIVE = (
    "cloudformation:DeleteStack",
    "dynamodb:DeleteBackup",
    "dynamodb:DeleteTable",
    "ec2:DeleteVolume",
    "ec2:TerminateInstances",
    "ecr:DeleteRepository",
    "ecs:DeleteService",
    "eks:DeleteCluster",
    "elasticfilesystem:DeleteFileSystem",
    "iam:AttachRolePolicy",
    "iam:CreateAccessKey",
    "iam:CreatePolicyVersion",
    "iam:CreateUser",
    "iam:DeleteRole",
    "iam:DeleteRolePermissionsBoundary",
    "iam:PutRolePolicy",
    "iam:UpdateAssumeRolePolicy",
    "kms:DisableKey",
    "kms:PutKeyPolicy",
    "kms:ScheduleKeyDeletion",
    "lambda:AddPermission",
    "lambda:DeleteFunction",
    "organizations:LeaveOrganization",
    "rds:DeleteDBCluster",
    "rds:DeleteDBInstance",
    "s3:DeleteBucket",
    "s3:DeleteBucketPolicy",
    "s3:PutBucketPolicy",
    "secretsmanager:DeleteSecret",
    "secretsmanager:PutResourcePolicy",
    "sns:DeleteTopic",
    "sqs:DeleteQueue",
    "sqs:SetQueueAttributes",
)
"""Whole resources and rights. Items, objects and messages are an agent's daily work and not among them."""


def check(role: Resource, stack: StackIndex) -> Iterable[Fail]:
    """Answers for roles with the tag `agent`."""
    return allowed(role, stack, DESTRUCTIVE, "the agent may destroy without an approval")


RULE = StackRule(
    id="AG16",
    name="agents-destroy-nothing",
    title="Roles of agents may delete no resource and change no right",
    why="An agent that is talked into it does in seconds what no rollback brings back.",
    remediation="Move the actions to a separate role behind run.approve, and deny them to the agent's.",
    severity=Severity.CRITICAL,
    types=types(ROLE),
    external={"AWS Well-Architected": ("AGENTSEC07",)},
    sources=("https://docs.aws.amazon.com/service-authorization/latest/reference/reference.html",),
    check=check,
)
