"""The queue of one release, and where its dead letters go."""

from typing import NotRequired, TypedDict

import pulumi
import pulumi_aws as aws

from agent_hosting._lost_messages import alarm_on_any
from agent_hosting._queue_limits import check_queue
from agent_hosting._validation import Inputs
from agent_hosting.statements import policy, tls_only

_DAY = 86_400
_WAIT_SECONDS = 20
"""Longest that SQS lets a receive wait: an idle worker then makes 3 calls a minute."""


class RunQueueArgs(TypedDict):
    key_arn: pulumi.Input[str]
    """Customer managed key that encrypts both queues. Who sends needs `kms:GenerateDataKey` and
    `kms:Decrypt` on it, who receives `kms:Decrypt`."""
    alarm_topic_arn: pulumi.Input[str]
    """Topic of the alarms."""
    visibility_seconds: NotRequired[int]
    """Seconds until a run whose worker fell silent is given to another, 60 to 120. Defaults to 90."""
    heartbeat_seconds: NotRequired[float]
    """Seconds between two extensions by a worker. Defaults to a third of `visibility_seconds`, its most."""
    max_receives: NotRequired[int]
    """Receives after which a message is a dead letter, 3 to 10. Defaults to 5."""
    queue_retention_days: NotRequired[int]
    """Days that a run may wait, 1 to 13. Defaults to 4."""
    dead_letter_retention_days: NotRequired[int]
    """Days from its sending that a dead letter is kept, to 14. Defaults to 14: time to look at it."""
    checkpoint_retention_days: NotRequired[int]
    """Days that runs are remembered, which must be more than a dead letter lives. Defaults to 30."""
    oldest_message_alarm_seconds: NotRequired[int]
    """Age of the oldest message, those in work included, that raises an alarm. Omit for no such alarm."""
    tags: NotRequired[pulumi.Input[dict[str, pulumi.Input[str]]]]
    """Tags of every resource. Defaults to none."""


class RunQueue(pulumi.ComponentResource):
    """A queue and its dead-letter queue, encrypted, reached over TLS only, with an alarm on dead letters."""

    queue_url: pulumi.Output[str]
    """Where runs are sent and received."""
    queue_arn: pulumi.Output[str]
    """ARN of the queue."""
    queue_name: pulumi.Output[str]
    """Name of the queue, as its metrics bear it."""
    dead_letter_queue_url: pulumi.Output[str]
    """Where messages lie that no worker could finish."""
    dead_letter_queue_arn: pulumi.Output[str]
    """ARN of the dead-letter queue."""
    dead_letter_queue_name: pulumi.Output[str]
    """Name of the dead-letter queue, as its metrics bear it."""

    def __init__(self, name: str, args: RunQueueArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("agent-hosting:index:RunQueue", name, {}, opts)
        inputs = Inputs("RunQueue", name, args)
        inputs.known(RunQueueArgs.__annotations__)
        inputs.required("key_arn", "Give the ARN of a customer managed key.")
        inputs.required("alarm_topic_arn", "Give a topic, such as AgentBudget.topic_arn.")
        limits = check_queue(inputs)
        oldest = inputs.number(
            "oldest_message_alarm_seconds",
            0,
            least=0,
            most=limits.queue_retention_days * _DAY,
            way_out="No message gets older than `queue_retention_days`.",
        )
        tags, key = args.get("tags"), args["key_arn"]
        child = pulumi.ResourceOptions(parent=self)

        dead = aws.sqs.Queue(
            f"{name}-dead",
            message_retention_seconds=limits.dead_letter_retention_days * _DAY,
            kms_master_key_id=key,
            tags=tags,
            opts=child,
        )
        queue = aws.sqs.Queue(
            name,
            visibility_timeout_seconds=limits.visibility_seconds,
            message_retention_seconds=limits.queue_retention_days * _DAY,
            receive_wait_time_seconds=_WAIT_SECONDS,
            kms_master_key_id=key,
            redrive_policy=pulumi.Output.json_dumps(
                {"deadLetterTargetArn": dead.arn, "maxReceiveCount": limits.max_receives}
            ),
            tags=tags,
            opts=child,
        )
        aws.sqs.RedriveAllowPolicy(
            f"{name}-dead-source",
            queue_url=dead.url,
            redrive_allow_policy=pulumi.Output.json_dumps(
                {"redrivePermission": "byQueue", "sourceQueueArns": [queue.arn]}
            ),
            opts=child,
        )
        for label, guarded in ((f"{name}-policy", queue), (f"{name}-dead-policy", dead)):
            aws.sqs.QueuePolicy(
                label,
                queue_url=guarded.url,
                policy=policy([tls_only("sqs:*", guarded.arn)]),
                opts=child,
            )
        alarm_on_any(
            f"{name}-dead-letters",
            dead,
            description=f"Runs of {name} failed {limits.max_receives} times, or could not be read.",
            topic_arn=args["alarm_topic_arn"],
            tags=tags,
            opts=child,
        )
        if oldest:
            aws.cloudwatch.MetricAlarm(
                f"{name}-oldest",
                alarm_description=f"A run of {name} has been on its way for more than {oldest:g} s.",
                namespace="AWS/SQS",
                metric_name="ApproximateAgeOfOldestMessage",
                dimensions={"QueueName": queue.name},
                statistic="Maximum",
                period=300,
                evaluation_periods=1,
                threshold=oldest,
                comparison_operator="GreaterThanOrEqualToThreshold",
                treat_missing_data="notBreaching",  # SQS sends no metrics for a queue that nobody uses
                alarm_actions=[args["alarm_topic_arn"]],
                tags=tags,
                opts=child,
            )

        self.queue_url, self.queue_arn, self.queue_name = queue.url, queue.arn, queue.name
        self.dead_letter_queue_url, self.dead_letter_queue_arn = dead.url, dead.arn
        self.dead_letter_queue_name = dead.name
        self.register_outputs({output: getattr(self, output) for output in RunQueue.__annotations__})
