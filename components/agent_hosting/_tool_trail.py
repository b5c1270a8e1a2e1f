"""The audit trail of a tool gateway, as an agent has one, and who is told when it is not kept."""

from collections.abc import Mapping
from typing import Any

import pulumi
import pulumi_aws as aws

from agent_hosting import statements
from agent_hosting._audit_trail import AuditExport, AuditLock, AuditTrail, audit_trail, export_trail
from agent_hosting._keys import account_id, delegate_to_account, publish_through
from agent_hosting._packaging import Target
from agent_hosting._validation import Inputs

_CLOUDWATCH = "cloudwatch.amazonaws.com"


def check_alarms(name: str, args: Mapping[str, Any], inputs: Inputs) -> None:
    """Refuses what nobody could be told by, and a name that an agent's trail has already."""
    inputs.emails("alarm_emails")
    if name in args["callers"]:
        raise inputs.refuse(
            "callers", name, "it is the gateway's own name", "Trails are told apart by names: rename one."
        )


def trail_of(name: str, args: Mapping[str, Any], days: int, parent: pulumi.Resource) -> AuditTrail:
    """Where calls that act are told before they are made, whoever calls."""
    retain, tags = args.get("retain_data", True), args.get("tags")
    return audit_trail(name, days, args["platform"], retain=retain, tags=tags, parent=parent)


def lock_trail(
    trail: AuditTrail,
    args: Mapping[str, Any],
    target: Target,
    log_days: int,
    topic_arn: pulumi.Input[str],
    parent: pulumi.Resource,
) -> AuditExport:
    """Where it is locked."""
    platform = args["platform"]
    return export_trail(
        trail,
        platform,
        target,
        lock=AuditLock(args.get("audit_lock") or AuditLock.GOVERNANCE),
        variables={"AGENT_NAME": trail.agent, "AGENT_CONTROL_TABLE": platform["control_table_name"]},
        log_days=log_days,
        topic_arn=topic_arn,
        retain=args.get("retain_data", True),
        tags=args.get("tags"),
        parent=parent,
    )


def alarm_topic(name: str, args: Mapping[str, Any], parent: pulumi.Resource) -> pulumi.Input[str]:
    """The topic that was given, else one of the gateway's own, with a key that CloudWatch may use."""
    child, tags = pulumi.ResourceOptions(parent=parent), args.get("tags")
    topic_arn = args.get("alarm_topic_arn")
    if topic_arn is None:
        key = aws.kms.Key(
            f"{name}-alarms-key",
            description=f"Alarms of tool gateway {name}",
            enable_key_rotation=True,
            deletion_window_in_days=7,
            policy=statements.policy(
                [
                    delegate_to_account(parent),
                    publish_through(_CLOUDWATCH),
                    publish_through("sns.amazonaws.com"),
                ]
            ),
            tags=tags,
            opts=child,
        )
        topic = aws.sns.Topic(f"{name}-alarms", kms_master_key_id=key.arn, tags=tags, opts=child)
        aws.sns.TopicPolicy(
            f"{name}-alarms-policy",
            arn=topic.arn,
            policy=statements.policy(
                [
                    statements.publish_from(_CLOUDWATCH, topic.arn, account_id(parent)),
                    statements.tls_only("sns:Publish", topic.arn),
                ]
            ),
            opts=child,
        )
        topic_arn = topic.arn
    for number, address in enumerate(args.get("alarm_emails") or [], 1):
        aws.sns.TopicSubscription(
            f"{name}-alarms-email-{number}", topic=topic_arn, protocol="email", endpoint=address, opts=child
        )
    return topic_arn
