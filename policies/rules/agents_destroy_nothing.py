"""AG16: what destroys or changes rights is in a separate role that is reached by way of an approval."""

import re
from collections.abc import Iterable
from functools import lru_cache

from ..framework.index import StackIndex
from ..framework.outcomes import Fail, Severity
from ..framework.resource import Resource
from ..framework.rule import StackRule, types
from ._agent_statements import allowed
from ._approvals import behind_approval
from ._roles import ROLE, is_agents, rights_of

DESTRUCTIVE = (
    "backup:DeleteRecoveryPoint",
    "budgets:ModifyBudget",
    "cloudformation:DeleteStack",
    "cloudwatch:DeleteAlarms",
    "codepipeline:PutApprovalResult",
    "dynamodb:DeleteBackup",
    "dynamodb:DeleteTable",
    "dynamodb:UpdateContinuousBackups",
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
    "iam:DeleteRolePolicy",
    "iam:PutRolePermissionsBoundary",
    "iam:PutRolePolicy",
    "iam:UpdateAssumeRolePolicy",
    "kms:DisableKey",
    "kms:PutKeyPolicy",
    "kms:ScheduleKeyDeletion",
    "lambda:AddPermission",
    "lambda:DeleteAlias",
    "lambda:DeleteFunction",
    "logs:PutResourcePolicy",
    "organizations:LeaveOrganization",
    "payments:MakePayment",
    "rds:DeleteDBCluster",
    "rds:DeleteDBInstance",
    "s3:DeleteBucket",
    "s3:DeleteBucketPolicy",
    "s3:PutBucketAcl",
    "s3:PutBucketPolicy",
    "s3:PutLifecycleConfiguration",
    "secretsmanager:DeleteSecret",
    "secretsmanager:PutResourcePolicy",
    "sns:DeleteTopic",
    "sqs:DeleteQueue",
    "sqs:SetQueueAttributes",
    "states:SendTaskSuccess",
)
"""Whole resources, rights, payments, and the approval itself. Items, objects and messages are an agent's
daily work and not among them."""

_DESTROYS = re.compile(
    r"iam:(?!Get|List|Simulate|Generate|PassRole$)[\w*]+|payments:(?!Get|List)[\w*]+"
    r"|[\w-]+:(?:Delete|Terminate)[\w*]*|[\w-]+:(?:Put|Set|Delete)[\w*]*Policy",
    re.IGNORECASE,
)
_DAILY = re.compile(
    r"bedrock-agentcore:Delete(?:Event|MemoryRecord)|bedrock:DeleteSession|dynamodb:DeleteItem\*?"
    r"|ec2:DeleteNetworkInterface\*?|s3:DeleteObject[\w*]*|s3vectors:DeleteVectors|sqs:DeleteMessage[\w*]*",
    re.IGNORECASE,
)
"""Items, objects and messages, and the cards by which a function enters a network."""
_DELETES_NOTHING = ("ec2messages", "execute-api", "ssmmessages", "sts")


def _named(role: Resource, stack: StackIndex) -> set[str]:
    """What else the role's policies name that destroys."""
    named = {action for statement, _ in rights_of(role, stack).held for action in statement.actions}
    return {found for action in named if (found := _destroying(action))}


@lru_cache(maxsize=4096)
def _destroying(action: str) -> str:
    """The action, or of a whole service its deletions; "" where it destroys nothing."""
    service, _, verb = action.partition(":")
    if verb and not verb.strip("*") and service.lower() not in _DELETES_NOTHING:
        action = f"{service}:Delete*"
    return action if _DESTROYS.fullmatch(action) and not _DAILY.fullmatch(action) else ""


def check(role: Resource, stack: StackIndex) -> Iterable[Fail]:
    """Answers for roles with the tag `agent`, but for one whose programs a state machine calls alone, and
    after a person's approval."""
    if not is_agents(role):
        return ()
    actions = (*DESTRUCTIVE, *sorted(_named(role, stack) - {*DESTRUCTIVE}))
    found = list(allowed(role, stack, actions, "the agent may destroy without an approval"))
    return () if found and behind_approval(role, stack) else found


RULE = StackRule(
    id="AG16",
    name="agents-destroy-nothing",
    title="Roles of agents may delete no resource and change no right",
    why="An agent that is talked into it does in seconds what no rollback brings back.",
    remediation=(
        "Move the actions to the role of a function that a state machine calls after .waitForTaskToken."
    ),
    severity=Severity.CRITICAL,
    types=types(ROLE),
    external={"AWS Well-Architected": ("AGENTSEC07",)},
    sources=("https://docs.aws.amazon.com/service-authorization/latest/reference/reference.html",),
    check=check,
)
