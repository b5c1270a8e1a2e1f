"""The queue of one release, and where its dead letters go."""

import json
from typing import Any

import pytest

from agent_hosting import RunQueue
from tests.components.recorder import Program, run
from tests.components.samples import KEY_ARN, TOPIC_ARN, making

DAY = 86_400


def queue(**changes: Any) -> Program:
    return run(making(RunQueue, "runs", **changes))


def test_a_queue_is_made_of_these_parts() -> None:
    assert queue().tree() == {
        ("agent-hosting:index:RunQueue", "runs", "agent-hosting-test"),
        ("aws:sqs/queue:Queue", "runs", "runs"),
        ("aws:sqs/queue:Queue", "runs-dead", "runs"),
        ("aws:sqs/queuePolicy:QueuePolicy", "runs-policy", "runs"),
        ("aws:sqs/queuePolicy:QueuePolicy", "runs-dead-policy", "runs"),
        ("aws:sqs/redriveAllowPolicy:RedriveAllowPolicy", "runs-dead-source", "runs"),
        ("aws:cloudwatch/metricAlarm:MetricAlarm", "runs-dead-letters", "runs"),
    }


def test_both_queues_are_encrypted_by_the_key_and_closed_to_calls_without_tls() -> None:
    program = queue()
    for name, policy in (("runs", "runs-policy"), ("runs-dead", "runs-dead-policy")):
        made = program.one("Queue", name)
        assert made.inputs["kmsMasterKeyId"] == KEY_ARN
        guard = program.one("QueuePolicy", policy)
        assert guard.inputs["queueUrl"].endswith(f"/{name}-0a1b2c3")
        (statement,) = guard.document()["Statement"]
        assert (statement["Effect"], statement["Principal"]) == ("Deny", "*")
        assert (statement["Action"], statement["Resource"].split("/")[-1]) == ("sqs:*", f"{name}-0a1b2c3")
        assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_a_message_is_lent_for_90_s_waited_for_20_s_and_kept_for_4_days() -> None:
    made = queue().one("Queue", "runs").inputs
    assert made["visibilityTimeoutSeconds"] == 90
    assert made["receiveWaitTimeSeconds"] == 20
    assert made["messageRetentionSeconds"] == 4 * DAY
    assert "fifoQueue" not in made, "fair queues are standard queues"


def test_a_message_that_five_workers_could_not_finish_is_a_dead_letter_for_the_rest_of_two_weeks() -> None:
    program = queue()
    redrive = json.loads(program.one("Queue", "runs").inputs["redrivePolicy"])
    assert redrive["maxReceiveCount"] == 5
    assert redrive["deadLetterTargetArn"].endswith("Queue/runs-dead-0a1b2c3")
    assert program.one("Queue", "runs-dead").inputs["messageRetentionSeconds"] == 14 * DAY
    assert "redrivePolicy" not in program.one("Queue", "runs-dead").inputs


def test_only_its_own_queue_may_name_the_dead_letter_queue() -> None:
    allowed = queue().one("RedriveAllowPolicy")
    assert allowed.inputs["queueUrl"].endswith("/runs-dead-0a1b2c3")
    document = json.loads(allowed.inputs["redriveAllowPolicy"])
    assert document["redrivePermission"] == "byQueue"
    (source,) = document["sourceQueueArns"]
    assert source.endswith("Queue/runs-0a1b2c3")


def test_the_first_dead_letter_raises_an_alarm_and_an_unused_queue_none() -> None:
    alarm = queue().one("MetricAlarm", "runs-dead-letters").inputs
    assert (alarm["namespace"], alarm["metricName"]) == ("AWS/SQS", "ApproximateNumberOfMessagesVisible")
    assert alarm["dimensions"] == {"QueueName": "runs-dead-0a1b2c3"}
    assert (alarm["comparisonOperator"], alarm["threshold"]) == ("GreaterThanOrEqualToThreshold", 1)
    assert alarm["treatMissingData"] == "notBreaching"
    assert alarm["alarmActions"] == [TOPIC_ARN]


def test_a_run_that_is_too_long_on_its_way_raises_an_alarm_where_one_says_what_is_too_long() -> None:
    alarm = queue(oldest_message_alarm_seconds=4500).one("MetricAlarm", "runs-oldest").inputs
    assert (alarm["metricName"], alarm["threshold"]) == ("ApproximateAgeOfOldestMessage", 4500)
    assert alarm["dimensions"] == {"QueueName": "runs-0a1b2c3"}
    assert alarm["alarmActions"] == [TOPIC_ARN]


@pytest.mark.parametrize(
    "given",
    [
        {"visibility_seconds": 60},
        {"visibility_seconds": 120, "heartbeat_seconds": 40},
        {"max_receives": 3},
        {"max_receives": 10},
        {"queue_retention_days": 13},
        {"queue_retention_days": 1, "dead_letter_retention_days": 2, "checkpoint_retention_days": 3},
        {"visibility_seconds": 90.0, "max_receives": 5.0},
    ],
)
def test_times_that_fit_each_other_are_accepted(given: dict[str, Any]) -> None:
    made = queue(**given).one("Queue", "runs").inputs
    assert made["visibilityTimeoutSeconds"] == given.get("visibility_seconds", 90)
    assert made["messageRetentionSeconds"] == given.get("queue_retention_days", 4) * DAY
    assert json.loads(made["redrivePolicy"])["maxReceiveCount"] == given.get("max_receives", 5)


def test_the_outputs_are_both_queues_by_url_arn_and_name() -> None:
    outputs = queue().outputs_of("RunQueue")
    for output, name in (("queue", "runs-0a1b2c3"), ("dead_letter_queue", "runs-dead-0a1b2c3")):
        assert outputs[f"{output}_url"].endswith(f"/{name}")
        assert outputs[f"{output}_arn"].endswith(f"Queue/{name}")
        assert outputs[f"{output}_name"] == name
