"""Where the audit trail of an agent lies: a log group that none of its roles can erase from, and copies in a
bucket whose objects are locked."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

import pulumi
import pulumi_aws as aws

from agent_hosting import statements
from agent_hosting._guarded_bucket import guard_bucket
from agent_hosting._own_functions import OwnFunctions
from agent_hosting._packaging import Target
from agent_hosting._validation import Inputs
from agent_hosting.agent_platform import PlatformReference
from agent_hosting.statements import Arn, Statement

DEFAULT_DAYS = 365
EXPORT_MINUTES = 15
"""How much of the trail can be taken away by somebody who may erase logs and heads, before it is locked."""


class AuditLock(str, Enum):
    """Who may take a locked object away before its days are over."""

    GOVERNANCE = "governance"
    """Those alone who are given `s3:BypassGovernanceRetention`."""
    COMPLIANCE = "compliance"
    """Nobody, nor the account's root user."""


def check_audit(args: Mapping[str, Any], inputs: Inputs) -> int:
    """Days that the trail is kept."""
    days = inputs.log_days("audit_retention_days", DEFAULT_DAYS)
    lock = inputs.one_of("audit_lock", AuditLock, "Omit it for governance.")
    if lock is AuditLock.COMPLIANCE and not args.get("retain_data", True):
        raise inputs.refuse(
            "audit_lock",
            lock.value,
            "a bucket of such objects cannot be destroyed with the stack",
            "Leave `retain_data` out, or take governance.",
        )
    return days


@dataclass(frozen=True)
class AuditTrail:
    """The trail of one agent, for the programs that write to it."""

    agent: str
    days: int
    log_group_name: pulumi.Input[str]
    log_group_arn: Arn
    control_table_arn: Arn

    @property
    def variables(self) -> dict[str, pulumi.Input[str]]:
        """What a program that writes to it is told."""
        return {"AGENT_AUDIT_LOG_GROUP": self.log_group_name, "AGENT_AUDIT_RETENTION_DAYS": str(self.days)}

    @property
    def rights(self) -> list[Statement]:
        """What its role may do with it, and may never do."""
        return write_audit(self.log_group_arn, self.control_table_arn, self.agent)


def write_audit(log_group_arn: Arn, control_table_arn: Arn, agent: str) -> list[Statement]:
    """Appends entries and tells how far its chain goes. The denial counts whatever other policies say."""
    streams = pulumi.Output.concat(log_group_arn, ":*")
    return [
        {
            "Sid": "WriteAudit",
            "Effect": "Allow",
            "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
            "Resource": streams,
        },
        {
            "Sid": "NeverEraseAudit",
            "Effect": "Deny",
            "Action": [
                "logs:DeleteLogGroup",
                "logs:DeleteLogStream",
                "logs:DeleteRetentionPolicy",
                "logs:DisassociateKmsKey",
                "logs:PutLogGroupDeletionProtection",
                "logs:PutRetentionPolicy",
            ],
            "Resource": [log_group_arn, streams],
        },
        {
            "Sid": "TellAuditHeads",
            "Effect": "Allow",
            "Action": "dynamodb:UpdateItem",
            "Resource": control_table_arn,
            "Condition": {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": [f"{agent}#audit"]}},
        },
    ]


def export_audit(
    log_group_arn: Arn, control_table_arn: Arn, bucket_arn: Arn, key_arn: Arn | None, agent: str
) -> list[Statement]:
    """Reads entries and heads, and writes objects that nobody takes away."""
    objects = pulumi.Output.concat(bucket_arn, f"/{agent}/*")
    found: list[Statement] = [
        {
            "Sid": "ReadAudit",
            "Effect": "Allow",
            "Action": "logs:GetLogEvents",
            "Resource": pulumi.Output.concat(log_group_arn, ":*"),
        },
        {
            "Sid": "FollowAuditHeads",
            "Effect": "Allow",
            "Action": ["dynamodb:GetItem", "dynamodb:Query", "dynamodb:UpdateItem"],
            "Resource": control_table_arn,
            "Condition": {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": [f"{agent}#audit"]}},
        },
        {
            "Sid": "ExportAudit",
            "Effect": "Allow",
            "Action": ["s3:GetObject", "s3:PutObject"],
            "Resource": objects,
        },
    ]
    if key_arn is not None:
        found.append(statements.use_key_through("s3", key_arn, ["kms:Decrypt", "kms:GenerateDataKey"]))
    return found


def review_audit(
    log_group_arn: Arn, control_table_arn: Arn, bucket_arn: Arn, key_arn: Arn | None, agent: str
) -> list[Statement]:
    """What a person needs for `agent-hosting audit`: to read, and nothing else."""
    found: list[Statement] = [
        {
            "Sid": "ReadAudit",
            "Effect": "Allow",
            "Action": "logs:FilterLogEvents",
            "Resource": pulumi.Output.concat(log_group_arn, ":*"),
        },
        {
            "Sid": "ReadAuditHeads",
            "Effect": "Allow",
            "Action": ["dynamodb:GetItem", "dynamodb:Query"],
            "Resource": control_table_arn,
            "Condition": {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": [f"{agent}#audit"]}},
        },
        {
            "Sid": "ListExport",
            "Effect": "Allow",
            "Action": "s3:ListBucket",
            "Resource": bucket_arn,
        },
        {
            "Sid": "ReadExport",
            "Effect": "Allow",
            "Action": "s3:GetObject",
            "Resource": pulumi.Output.concat(bucket_arn, f"/{agent}/*"),
        },
    ]
    if key_arn is not None:
        found.append(statements.use_key_through("s3", key_arn, ["kms:Decrypt"]))
    return found


def audit_trail(
    name: str, days: int, platform: PlatformReference, *, retain: bool, tags: Any, parent: pulumi.Resource
) -> AuditTrail:
    """The log group, which outlives the stack where data does."""
    log = aws.cloudwatch.LogGroup(
        f"{name}-audit",
        retention_in_days=days,
        kms_key_id=platform.get("key_arn"),
        deletion_protection_enabled=True if retain else None,
        tags=tags,
        opts=pulumi.ResourceOptions(parent=parent, retain_on_delete=retain),
    )
    return AuditTrail(name, days, log.name, log.arn, platform["control_table_arn"])


@dataclass(frozen=True)
class AuditExport:
    """The bucket, and who may look at it."""

    bucket_name: pulumi.Output[str]
    reviewer_policy_arn: pulumi.Output[str]


def export_trail(
    trail: AuditTrail,
    platform: PlatformReference,
    target: Target,
    *,
    lock: AuditLock,
    variables: Mapping[str, pulumi.Input[str]],
    log_days: int,
    topic_arn: pulumi.Input[str],
    retain: bool,
    tags: Any,
    parent: pulumi.Resource,
) -> AuditExport:
    """The bucket, the function that fills it, and the policy of those who review it."""
    name, key_arn = trail.agent, platform.get("key_arn")
    kept = pulumi.ResourceOptions(parent=parent, retain_on_delete=retain)
    bucket = aws.s3.Bucket(
        f"{name}-audit", object_lock_enabled=True, force_destroy=not retain, tags=tags, opts=kept
    )
    versions = aws.s3.BucketVersioning(
        f"{name}-audit-versions",
        bucket=bucket.id,
        versioning_configuration={"status": "Enabled"},
        opts=kept,
    )
    # A day without `retain_data`: such a bucket goes with its stack.
    locked_days = trail.days if retain else 1
    locked = aws.s3.BucketObjectLockConfiguration(
        f"{name}-audit-lock",
        bucket=bucket.id,
        rule={"default_retention": {"mode": lock.value.upper(), "days": locked_days}},
        opts=pulumi.ResourceOptions.merge(kept, pulumi.ResourceOptions(depends_on=[versions])),
    )
    guard_bucket(f"{name}-audit", bucket, key_arn, days=trail.days + 1, old_version_days=1, kept=kept)
    places = (trail.log_group_arn, trail.control_table_arn, bucket.arn, key_arn, name)
    own = OwnFunctions(target, platform["boundary_arn"], log_days, tags, parent, key_arn)
    function = own.make(
        f"{name}-audit-export",
        description=f"Locks copies of the audit trail of agent {name}",
        module="hosts.audit_export",
        rights=lambda log: [statements.write_logs(log.arn), statements.trace(), *export_audit(*places)],
        # By way of the lock: nothing is copied to where it could be taken away.
        variables={
            **variables,
            **trail.variables,
            "AGENT_AUDIT_BUCKET": pulumi.Output.all(bucket.bucket, locked.id).apply(lambda both: both[0]),
        },
        seconds=300,
        at_once=1,
    )
    own.call_each_minute(
        f"{name}-audit-export",
        function,
        description=f"Locks copies of the audit trail of {name}",
        alarm="failures",
        alarm_description=f"The audit trail of {name} is not exported, or lacks entries: look at it with "
        f"agent-hosting audit verify.",
        topic_arn=topic_arn,
        minutes=EXPORT_MINUTES,
        failing=(2, 2),
    )
    reviewer = aws.iam.Policy(
        f"{name}-audit-reviewer",
        description=f"What a person needs to review the audit trail of agent {name}",
        policy=statements.policy(review_audit(*places)),
        tags=tags,
        opts=pulumi.ResourceOptions(parent=parent),
    )
    return AuditExport(bucket.bucket, reviewer.arn)
