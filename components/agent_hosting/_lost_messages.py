"""The alarm on a queue in which nothing should ever lie: dead letters, and what could not be delivered."""

from typing import Any

import pulumi
import pulumi_aws as aws


def alarm_on_any(
    name: str,
    queue: aws.sqs.Queue,
    *,
    description: str,
    topic_arn: pulumi.Input[str],
    tags: Any,
    opts: pulumi.ResourceOptions,
) -> aws.cloudwatch.MetricAlarm:
    """Tells the topic within a minute or two that `queue` holds a message."""
    return aws.cloudwatch.MetricAlarm(
        name,
        alarm_description=description,
        namespace="AWS/SQS",
        metric_name="ApproximateNumberOfMessagesVisible",
        dimensions={"QueueName": queue.name},
        statistic="Maximum",
        period=60,
        evaluation_periods=1,
        threshold=1,
        comparison_operator="GreaterThanOrEqualToThreshold",
        treat_missing_data="notBreaching",  # SQS sends no metrics for a queue that nobody uses
        alarm_actions=[topic_arn],
        tags=tags,
        opts=opts,
    )
