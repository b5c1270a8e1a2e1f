"""The function that stops an agent when an alert says so, and the queue of alerts that were lost."""

from typing import Any

import pulumi
import pulumi_aws as aws

from agent_hosting import statements
from agent_hosting._audit_trail import AuditTrail
from agent_hosting._lost_messages import alarm_on_any
from agent_hosting._own_functions import OwnFunctions
from agent_hosting._packaging import Target, runtime_archive
from agent_hosting.agent_platform import PlatformReference


def brake_function(
    name: str,
    agent: str,
    platform: PlatformReference,
    target: Target,
    *,
    topic: aws.sns.Topic,
    publishing: pulumi.Resource,
    key_arn: pulumi.Output[str],
    log_days: int,
    tags: Any,
    parent: pulumi.Resource,
    audit: AuditTrail | None = None,
) -> aws.lambda_.Function:
    """Subscribed to `topic`, which alarms may publish to after `publishing`; `key_arn` encrypts what is kept
    of it."""
    child = pulumi.ResourceOptions(parent=parent)
    lost = _lost_alerts(name, agent, topic, publishing, key_arn, tags, child)
    own = OwnFunctions(target, platform["boundary_arn"], log_days, tags, parent, platform.get("key_arn"))
    function = own.make(
        f"{name}-brake",
        description=f"Stops agent {agent} when its budget is spent",
        module="brake",
        rights=lambda log: [
            statements.write_logs(log.arn),
            statements.trace(),
            statements.write_brake(platform["control_table_arn"], agent),
            statements.send_failures(lost.arn),
            statements.use_key_through("sqs", key_arn, ["kms:Decrypt", "kms:GenerateDataKey"]),
            *(audit.rights if audit else []),
        ],
        variables={
            "AGENT_NAME": agent,
            "AGENT_CONTROL_TABLE": platform["control_table_name"],
            **(audit.variables if audit else {}),
        },
        seconds=30,
        # Alerts come one by one; a flood of them must not eat the account's share.
        at_once=1,
        archive=runtime_archive(),
        memory_mb=256,
    )
    aws.lambda_.FunctionEventInvokeConfig(
        f"{name}-brake-async",
        function_name=function.name,
        maximum_retry_attempts=2,
        destination_config={"on_failure": {"destination": lost.arn}},
        opts=child,
    )
    allowed = aws.lambda_.Permission(
        f"{name}-brake-permission",
        function=function.name,
        action="lambda:InvokeFunction",
        principal="sns.amazonaws.com",
        source_arn=topic.arn,
        opts=child,
    )
    aws.sns.TopicSubscription(
        f"{name}-brake-subscription",
        topic=topic.arn,
        protocol="lambda",
        endpoint=function.arn,
        redrive_policy=pulumi.Output.json_dumps({"deadLetterTargetArn": lost.arn}),
        opts=pulumi.ResourceOptions(parent=parent, depends_on=[allowed]),
    )
    return function


def _lost_alerts(
    name: str,
    agent: str,
    topic: aws.sns.Topic,
    publishing: pulumi.Resource,
    key_arn: pulumi.Output[str],
    tags: Any,
    child: pulumi.ResourceOptions,
) -> aws.sqs.Queue:
    """Takes alerts that did not reach the brake or that it could not follow, and tells the topic's other
    readers that the agent still runs:
    https://docs.aws.amazon.com/sns/latest/dg/sns-dead-letter-queues.html"""
    lost = aws.sqs.Queue(
        f"{name}-lost-alerts",
        message_retention_seconds=14 * 86400,
        kms_master_key_id=key_arn,
        tags=tags,
        opts=child,
    )
    send: statements.Statement = {
        "Sid": "SendFromTopic",
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": lost.arn,
        "Condition": {"ArnEquals": {"aws:SourceArn": topic.arn}},
    }
    aws.sqs.QueuePolicy(
        f"{name}-lost-alerts-policy",
        queue_url=lost.url,
        policy=statements.policy([send, statements.tls_only("sqs:*", lost.arn)]),
        opts=child,
    )
    alarm_on_any(
        f"{name}-lost-alerts",
        lost,
        description=f"An alert that should stop agent {agent} was lost, or failed in its brake.",
        topic_arn=topic.arn,
        tags=tags,
        opts=pulumi.ResourceOptions.merge(child, pulumi.ResourceOptions(depends_on=[publishing])),
    )
    return lost
