"""What one agent may spend, and the brake that stops it."""

import json

import pytest

from agent_hosting import AgentBudget
from agent_hosting._validation import InputError, Inputs
from agent_hosting.agent_budget import alert_percents
from tests.components.recorder import ACCOUNT, REGION, run
from tests.components.samples import PLATFORM, making

PREFIX = f"arn:aws:sns:eu-west-1:{ACCOUNT}:Topic"


def test_a_budget_is_alerts_alarms_and_a_brake() -> None:
    assert run(making(AgentBudget, "cap")).tree() == {
        ("agent-hosting:index:AgentBudget", "cap", "agent-hosting-test"),
        ("aws:kms/key:Key", "cap-key", "cap"),
        ("aws:sns/topic:Topic", "cap-alerts", "cap"),
        ("aws:sns/topicPolicy:TopicPolicy", "cap-alerts-policy", "cap"),
        ("aws:budgets/budget:Budget", "cap", "cap"),
        ("aws:cloudwatch/metricAlarm:MetricAlarm", "cap-spend-hour", "cap"),
        ("aws:cloudwatch/metricAlarm:MetricAlarm", "cap-spend-day", "cap"),
        ("aws:cloudwatch/logGroup:LogGroup", "cap-brake-log", "cap"),
        ("agent-hosting:index:AgentIdentity", "cap-brake", "cap"),
        ("aws:iam/role:Role", "cap-brake", "cap-brake"),
        ("aws:iam/rolePolicy:RolePolicy", "cap-brake-policy", "cap-brake"),
        ("aws:lambda/function:Function", "cap-brake", "cap"),
        ("aws:lambda/functionEventInvokeConfig:FunctionEventInvokeConfig", "cap-brake-async", "cap"),
        ("aws:lambda/permission:Permission", "cap-brake-permission", "cap"),
        ("aws:sns/topicSubscription:TopicSubscription", "cap-brake-subscription", "cap"),
        ("aws:sqs/queue:Queue", "cap-lost-alerts", "cap"),
        ("aws:sqs/queuePolicy:QueuePolicy", "cap-lost-alerts-policy", "cap"),
        ("aws:cloudwatch/metricAlarm:MetricAlarm", "cap-lost-alerts", "cap"),
    }


def test_the_budget_counts_what_bears_the_agents_tag_in_a_calendar_month() -> None:
    budget = run(making(AgentBudget, "cap", monthly_budget_usd=50)).one("Budget").inputs
    assert budget["costFilters"] == [{"name": "TagKeyValue", "values": ["user:agent$handbook"]}]
    assert (budget["budgetType"], budget["timeUnit"]) == ("COST", "MONTHLY")
    assert (budget["limitAmount"], budget["limitUnit"]) == ("50", "USD")


@pytest.mark.parametrize(
    ("usd", "amount"),
    [(5.0, "5"), (0.5, "0.5"), (49.99, "49.99"), (1234567.5, "1234567.5"), (2_000_000, "2000000")],
)
def test_the_limit_is_written_out_to_the_cent(usd: float, amount: str) -> None:
    assert (
        run(making(AgentBudget, "cap", monthly_budget_usd=usd)).one("Budget").inputs["limitAmount"] == amount
    )


def test_alerts_come_at_50_80_and_100_percent_and_when_100_are_foreseen() -> None:
    program = run(making(AgentBudget, "cap", alert_emails=["owner@example.com"]))
    alerts = program.one("Budget").inputs["notifications"]
    assert [(a["notificationType"], a["threshold"]) for a in alerts] == [
        ("ACTUAL", 50),
        ("ACTUAL", 80),
        ("ACTUAL", 100),
        ("FORECASTED", 100),
    ]
    for alert in alerts:
        assert (alert["comparisonOperator"], alert["thresholdType"]) == ("GREATER_THAN", "PERCENTAGE")
        assert alert["subscriberSnsTopicArns"] == [program.outputs_of("AgentBudget")["topic_arn"]]
        assert alert["subscriberEmailAddresses"] == ["owner@example.com"]


@pytest.mark.parametrize(
    ("further", "expected"),
    [
        ([], [50, 80, 100]),
        ([90], [50, 80, 90, 100]),
        ([150.5], [50, 80, 100, 150.5]),
        ([80], [50, 80, 100]),
        ([10, 20, 30, 40, 60, 70], [10, 20, 30, 40, 50, 60, 70, 80, 100]),
    ],
)
def test_further_alerts_are_added_and_none_of_the_mandatory_ones_can_go(
    further: list[float], expected: list[float]
) -> None:
    assert alert_percents(further, Inputs("AgentBudget", "cap", {})) == expected


@pytest.mark.parametrize("further", [[0], [-80], [1001], ["80"], [True], [float("nan")], list(range(1, 8))])
def test_alerts_that_aws_would_not_take_are_refused(further: list[float]) -> None:
    with pytest.raises(InputError, match="AgentBudget 'cap': further_alert_percents is"):
        alert_percents(further, Inputs("AgentBudget", "cap", {}))


def test_the_topic_is_encrypted_and_its_key_serves_those_who_publish_and_deliver() -> None:
    program = run(making(AgentBudget, "cap"))
    key = program.one("Key")
    assert program.one("Topic").inputs["kmsMasterKeyId"].endswith("/cap-key-0a1b2c3")
    found = key.statements()
    services = ("budgets", "cloudwatch", "sns")
    assert set(found) == {"IamPoliciesDecide", *(f"PublishFrom{s.capitalize()}" for s in services)}
    for sid, service in ((f"PublishFrom{s.capitalize()}", s) for s in services):
        assert found[sid]["Principal"] == {"Service": f"{service}.amazonaws.com"}
        assert "Condition" not in found[sid], "a source that is not passed on would silence the alerts"


def test_only_budgets_and_alarms_of_this_account_publish_and_only_over_tls() -> None:
    program = run(making(AgentBudget, "cap"))
    policy, topic = program.one("TopicPolicy"), program.outputs_of("AgentBudget")["topic_arn"]
    assert policy.inputs["arn"] == topic
    found = policy.statements()
    assert set(found) == {"PublishFromBudgets", "PublishFromCloudwatch", "TlsOnly"}
    sources = {
        "budgets": f"arn:aws:budgets::{ACCOUNT}:*",
        "cloudwatch": f"arn:aws:cloudwatch:*:{ACCOUNT}:alarm:*",
    }
    for service, source in sources.items():
        assert found[f"PublishFrom{service.capitalize()}"] == {
            "Sid": f"PublishFrom{service.capitalize()}",
            "Effect": "Allow",
            "Principal": {"Service": f"{service}.amazonaws.com"},
            "Action": "sns:Publish",
            "Resource": topic,
            "Condition": {
                "StringEquals": {"aws:SourceAccount": ACCOUNT},
                "ArnLike": {"aws:SourceArn": source},
            },
        }
    assert (found["TlsOnly"]["Effect"], found["TlsOnly"]["Principal"]) == ("Deny", "*")
    assert found["TlsOnly"]["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_an_alert_that_does_not_reach_the_brake_is_kept_and_told_of() -> None:
    program = run(making(AgentBudget, "cap"))
    topic, lost = program.outputs_of("AgentBudget")["topic_arn"], program.one("Queue")
    arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:Queue/cap-lost-alerts-0a1b2c3"
    subscription = program.one("TopicSubscription").inputs
    assert json.loads(subscription["redrivePolicy"]) == {"deadLetterTargetArn": arn}
    assert lost.inputs["kmsMasterKeyId"].endswith("/cap-key-0a1b2c3")
    found = program.one("QueuePolicy").statements()
    assert set(found) == {"SendFromTopic", "TlsOnly"}
    assert found["SendFromTopic"]["Condition"] == {"ArnEquals": {"aws:SourceArn": topic}}
    assert found["SendFromTopic"]["Principal"] == {"Service": "sns.amazonaws.com"}
    alarm = program.one("MetricAlarm", "cap-lost-alerts").inputs
    assert alarm["dimensions"] == {"QueueName": "cap-lost-alerts-0a1b2c3"}
    assert (alarm["threshold"], alarm["alarmActions"]) == (1, [topic])


def test_alarms_and_alerts_wait_for_the_policy_that_lets_them_publish() -> None:
    program = run(making(AgentBudget, "cap"))
    policy = program.one("TopicPolicy").urn
    for waiting in (program.one("Budget"), *program.all("MetricAlarm")):
        assert policy in waiting.depends_on


@pytest.mark.parametrize(
    ("given", "hour", "day"),
    [({}, 5, 25), ({"hourly_limit_usd": 2}, 2, 25), ({"daily_limit_usd": 100}, 5, 100)],
)
def test_model_spend_of_an_hour_and_of_a_day_pulls_the_brake(
    given: dict[str, float], hour: float, day: float
) -> None:
    program = run(making(AgentBudget, "cap", **given))
    topic = program.outputs_of("AgentBudget")["topic_arn"]
    for span, seconds, limit in (("hour", 3600, hour), ("day", 86400, day)):
        alarm = program.one("MetricAlarm", f"cap-spend-{span}").inputs
        assert (alarm["namespace"], alarm["metricName"]) == ("AgentHosting", "SpendUsd")
        assert alarm["dimensions"] == {"agent": "handbook"}
        assert (alarm["period"], alarm["threshold"], alarm["statistic"]) == (seconds, limit, "Sum")
        assert alarm["comparisonOperator"] == "GreaterThanThreshold"
        assert alarm["treatMissingData"] == "notBreaching"
        assert alarm["alarmActions"] == [topic]


def test_the_brake_function_runs_alone_and_knows_its_agent_and_table() -> None:
    brake = run(making(AgentBudget, "cap")).one("Function", "cap-brake").inputs
    assert brake["handler"] == "agent_runtime.brake.handler"
    assert brake["environment"] == {"variables": {"AGENT_NAME": "handbook", "AGENT_CONTROL_TABLE": "control"}}
    assert brake["reservedConcurrentExecutions"] == 1
    assert (brake["runtime"], brake["architectures"]) == ("python3.13", ["arm64"])


def test_the_brake_may_write_one_agents_brake_and_its_own_log_and_nothing_else() -> None:
    found = run(making(AgentBudget, "cap")).one("RolePolicy").statements()
    assert set(found) == {"WriteOwnLogs", "WriteBrake", "SendTraces", "SendFailures", "UseKeyThroughSqs"}
    assert found["SendFailures"]["Resource"].endswith("/cap-lost-alerts-0a1b2c3")
    assert found["WriteBrake"]["Resource"] == PLATFORM["control_table_arn"]
    assert found["WriteBrake"]["Condition"] == {
        "ForAllValues:StringEquals": {"dynamodb:LeadingKeys": ["handbook"]}
    }
    assert found["WriteOwnLogs"]["Resource"].endswith("/cap-brake-log-0a1b2c3:*")


def test_the_alert_topic_and_no_other_calls_the_brake() -> None:
    program = run(making(AgentBudget, "cap"))
    topic = program.outputs_of("AgentBudget")["topic_arn"]
    permission, subscription = program.one("Permission"), program.one("TopicSubscription")
    assert permission.inputs["principal"] == "sns.amazonaws.com"
    assert permission.inputs["sourceArn"] == topic
    assert permission.inputs["action"] == "lambda:InvokeFunction"
    assert (subscription.inputs["topic"], subscription.inputs["protocol"]) == (topic, "lambda")
    assert permission.urn in subscription.depends_on


def test_who_stopped_an_agent_can_be_read_for_a_year() -> None:
    assert run(making(AgentBudget, "cap")).one("LogGroup").inputs["retentionInDays"] == 365
    program = run(making(AgentBudget, "cap", log_retention_days=30))
    assert program.one("LogGroup").inputs["retentionInDays"] == 30
    assert program.one("Function").inputs["loggingConfig"]["logGroup"] == "cap-brake-log-0a1b2c3"


def test_an_alert_that_the_brake_cannot_follow_is_kept_and_told() -> None:
    program = run(making(AgentBudget, "cap"))
    kept = program.one("FunctionEventInvokeConfig").inputs
    assert kept["destinationConfig"]["onFailure"]["destination"].endswith("/cap-lost-alerts-0a1b2c3")
    assert (kept["functionName"], kept["maximumRetryAttempts"]) == ("cap-brake-0a1b2c3", 2)


def test_the_platforms_key_encrypts_what_the_brake_logs_and_is_told() -> None:
    key = f"arn:aws:kms:eu-west-1:{ACCOUNT}:key/1"
    program = run(making(AgentBudget, "cap", platform={**PLATFORM, "key_arn": key}))
    assert program.one("LogGroup").inputs["kmsKeyId"] == key
    assert program.one("Function").inputs["kmsKeyArn"] == key
    assert program.one("RolePolicy").statements()["UseKeyThroughLambda"]["Resource"] == key
    assert "kmsKeyArn" not in run(making(AgentBudget, "cap")).one("Function").inputs
