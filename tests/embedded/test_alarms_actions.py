"""What an alarm does when its state changes, and who lets it."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.embedded.alarms_world import World, alarms_world, arn_of
from tests.embedded.functions_world import ACCOUNT, REGION


@pytest.fixture
def aws() -> Iterator[World]:
    with alarms_world() as made:
        yield made


def statement(service: str = "cloudwatch.amazonaws.com", **more: Any) -> Any:
    principal = {"Service": service}
    return {"Effect": "Allow", "Principal": principal, "Action": "sns:Publish", "Resource": "*", **more}


def policy(*statements: Any) -> Any:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def key(aws: World, *statements: Any) -> str:
    document = json.dumps(policy(*statements))
    return aws.client("kms").create_key(Policy=document)["KeyMetadata"]["Arn"]


def test_a_topic_is_told_of_the_change(aws: World) -> None:
    topic = aws.topic()
    inbox = aws.inbox(topic)
    dimensions = [{"Name": "agent", "Value": "helper"}]
    aws.alarm(
        AlarmActions=[topic], AlarmDescription="too much", Dimensions=dimensions, TreatMissingData="ignore"
    )
    aws.put(9, Dimensions=dimensions)
    assert aws.run() == [("load", "INSUFFICIENT_DATA", "ALARM")]
    ((subject, message),) = aws.notifications(inbox)
    assert subject == 'ALARM: "load" in EU (Ireland)'
    assert message.pop("AlarmConfigurationUpdatedTimestamp")
    assert message.pop("NewStateReason").startswith("Threshold Crossed: 1 out of the last 1 datapoints [9.0")
    assert message == {
        "AlarmName": "load",
        "AlarmDescription": "too much",
        "AWSAccountId": ACCOUNT,
        "NewStateValue": "ALARM",
        "StateChangeTime": "2026-06-01T12:00:00.000+0000",
        "Region": "EU (Ireland)",
        "AlarmArn": arn_of("load"),
        "OldStateValue": "INSUFFICIENT_DATA",
        "OKActions": [],
        "AlarmActions": [topic],
        "InsufficientDataActions": [],
        "Trigger": {
            "MetricName": "Load",
            "Namespace": "Own",
            "StatisticType": "Statistic",
            "Statistic": "AVERAGE",
            "Unit": None,
            "Dimensions": [{"value": "helper", "name": "agent"}],
            "Period": 60,
            "EvaluationPeriods": 1,
            "ComparisonOperator": "GreaterThanThreshold",
            "Threshold": 5.0,
            "TreatMissingData": "ignore",
            "EvaluateLowSampleCountPercentile": "",
        },
    }


def test_a_function_is_told_of_both_states(aws: World) -> None:
    function = aws.function()
    aws.allow(function, SourceArn=arn_of("load"), SourceAccount=ACCOUNT)
    aws.alarm(AlarmActions=[function])
    aws.put(9)
    aws.run()
    ((called, event),) = aws.functions.events
    state, before = event["alarmData"].pop("state"), event["alarmData"].pop("previousState")
    assert called == function
    assert event == {
        "source": "aws.cloudwatch",
        "alarmArn": arn_of("load"),
        "accountId": ACCOUNT,
        "time": "2026-06-01T12:00:00.000+0000",
        "region": REGION,
        "alarmData": {
            "alarmName": "load",
            "configuration": {
                "metrics": [
                    {
                        "id": "m1",
                        "metricStat": {
                            "metric": {"namespace": "Own", "name": "Load", "dimensions": {}},
                            "period": 60,
                            "stat": "Average",
                        },
                        "returnData": True,
                    }
                ]
            },
        },
    }
    assert (before["value"], state["value"], state["timestamp"]) == (
        "INSUFFICIENT_DATA",
        "ALARM",
        event["time"],
    )
    assert json.loads(state["reasonData"])["recentDatapoints"] == [9.0]


def test_metric_math_is_told_query_by_query(aws: World) -> None:
    topic, function = aws.topic(), aws.function()
    inbox = aws.inbox(topic)
    aws.allow(function)
    metric = {"Namespace": "Own", "MetricName": "Load", "Dimensions": []}
    stat = {"Metric": metric, "Period": 60, "Stat": "Sum"}
    queries = [
        {"Id": "rate", "Expression": "load * 2", "Label": "twice", "ReturnData": True},
        {"Id": "load", "MetricStat": stat, "ReturnData": False},
    ]
    aws.alarm(Metrics=queries, AlarmActions=[topic, function])
    aws.put(9)
    aws.run()
    ((_, message),), ((_, event),) = aws.notifications(inbox), aws.functions.events
    assert message["Trigger"]["Metrics"] == queries
    assert event["alarmData"]["configuration"]["metrics"] == [
        {"id": "rate", "expression": "load * 2", "label": "twice", "returnData": True},
        {
            "id": "load",
            "metricStat": {
                "metric": {"namespace": "Own", "name": "Load", "dimensions": {}},
                "period": 60,
                "stat": "Sum",
            },
            "returnData": False,
        },
    ]


def test_each_change_runs_the_actions_of_its_new_state_once(aws: World) -> None:
    topics = {state: aws.topic() for state in ("ALARM", "OK", "INSUFFICIENT_DATA")}
    inboxes = {state: aws.inbox(topic) for state, topic in topics.items()}
    aws.alarm(
        AlarmActions=[topics["ALARM"]],
        OKActions=[topics["OK"]],
        InsufficientDataActions=[topics["INSUFFICIENT_DATA"]],
    )

    def told() -> dict[str, int]:
        return {state: len(aws.notifications(inbox)) for state, inbox in inboxes.items()}

    def after(*values: float, minutes: float = 0) -> dict[str, int]:
        aws.run(minutes=minutes)
        aws.put(*values)
        aws.run()
        aws.run(seconds=1)
        return told()

    nobody = dict.fromkeys(topics, 0)
    assert after() == nobody
    assert after(9) == {**nobody, "ALARM": 1}
    assert after(9) == nobody
    assert after(*[0] * 20) == {**nobody, "OK": 1}
    assert after(minutes=10) == {**nobody, "INSUFFICIENT_DATA": 1}


def test_actions_that_are_disabled_do_not_run(aws: World) -> None:
    topic = aws.topic()
    inbox = aws.inbox(topic)
    aws.alarm(AlarmActions=[topic], ActionsEnabled=False)
    aws.put(9)
    assert aws.state() == "ALARM"
    assert aws.notifications(inbox) == []


def test_a_state_that_is_set_by_hand_runs_its_actions_until_the_next_round(aws: World) -> None:
    topic = aws.topic()
    inbox = aws.inbox(topic)
    aws.alarm(AlarmActions=[topic], TreatMissingData="notBreaching")
    aws.set_state("ALARM")
    aws.set_state("ALARM")
    assert [message["NewStateValue"] for _, message in aws.notifications(inbox)] == ["ALARM"]
    assert aws.run() == [("load", "ALARM", "OK")]


@pytest.mark.parametrize(
    "statements",
    [
        [statement("sns.amazonaws.com")],
        [statement(Action="sns:Subscribe")],
        [statement(Condition={"ArnLike": {"aws:SourceArn": arn_of("other")}})],
        [statement(Condition={"StringEquals": {"aws:SourceAccount": "999999999999"}})],
        [statement(), {**statement(), "Effect": "Deny", "Principal": "*"}],
        [statement(Condition={"Unknown": {"aws:SourceArn": "*"}})],
    ],
)
def test_a_topic_that_does_not_allow_it_is_told_nothing(aws: World, statements: Any) -> None:
    topic, allowed = aws.topic(policy(*statements)), aws.topic()
    inbox, other = aws.inbox(topic), aws.inbox(allowed)
    aws.alarm(AlarmActions=[topic, allowed])
    aws.put(9)
    assert aws.state() == "ALARM"
    assert (aws.notifications(inbox), len(aws.notifications(other))) == ([], 1)
    (line,) = aws.log
    assert f"{topic}: CloudWatch Alarms is not authorized to perform: sns:Publish" in line
    failed, done = aws.actions()
    assert failed in line
    assert done == f"Successfully executed action {allowed}"


def test_a_topic_may_allow_the_alarms_of_the_account_and_ask_for_tls(aws: World) -> None:
    source = {"aws:SourceArn": f"arn:aws:cloudwatch:*:{ACCOUNT}:alarm:*"}
    conditions = {"StringEquals": {"aws:SourceAccount": ACCOUNT}, "ArnLike": source}
    plain = {"Bool": {"aws:SecureTransport": "false"}}
    deny = {**statement(Condition=plain), "Effect": "Deny", "Principal": "*"}
    topic = aws.topic(policy(statement(Condition=conditions), deny))
    inbox = aws.inbox(topic)
    aws.alarm(AlarmActions=[topic])
    aws.put(9)
    aws.run()
    assert len(aws.notifications(inbox)) == 1


@pytest.mark.parametrize(
    ("allowed", "told"),
    [
        (["kms:Decrypt", "kms:GenerateDataKey*"], 1),
        (["kms:Decrypt"], 0),
        (["kms:GenerateDataKey*"], 0),
        ([], 0),
    ],
)
def test_the_key_of_a_topic_must_allow_it_too(aws: World, allowed: list[str], told: int) -> None:
    root = {**statement(Action="kms:*"), "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}}
    own = [statement(Action=allowed)] if allowed else []
    topic = aws.topic(KmsMasterKeyId=key(aws, root, *own))
    inbox = aws.inbox(topic)
    aws.alarm(AlarmActions=[topic])
    aws.put(9)
    aws.run()
    assert len(aws.notifications(inbox)) == told
    assert [line for line in aws.log if "does not have authorization to access the SNS topic" in line] == (
        [] if told else aws.log
    )


def test_the_key_that_aws_manages_admits_no_alarm(aws: World) -> None:
    topic = aws.topic(KmsMasterKeyId="alias/aws/sns")
    aws.alarm(AlarmActions=[topic])
    aws.put(9)
    aws.run()
    assert "SNS topic encryption key" in aws.log[0]


@pytest.mark.parametrize(
    "permission",
    [
        {},
        {"Principal": "cloudwatch.amazonaws.com"},
        {"SourceArn": arn_of("other")},
        {"SourceAccount": "999999999999"},
    ],
)
def test_a_function_that_does_not_allow_the_alarm_is_not_called(aws: World, permission: Any) -> None:
    function = aws.function()
    if permission:
        aws.allow(function, **permission)
    aws.alarm(AlarmActions=[function])
    aws.put(9)
    assert aws.state() == "ALARM"
    assert aws.functions.events == []
    assert "is not authorized to perform: lambda:InvokeFunction" in aws.log[0]


def test_a_permission_is_for_the_qualifier_that_the_action_names(aws: World) -> None:
    function, lambda_ = aws.function(), aws.client("lambda")
    lambda_.publish_version(FunctionName=function)
    alias = lambda_.create_alias(FunctionName=function, Name="live", FunctionVersion="1")["AliasArn"]
    aws.alarm(AlarmActions=[alias])
    aws.allow(function)
    aws.set_state("ALARM")
    assert aws.functions.events == []
    aws.allow(function, Qualifier="live")
    aws.set_state("OK")
    aws.set_state("ALARM")
    assert [called for called, _ in aws.functions.events] == [alias]


def test_actions_that_cannot_run_do_not_stop_the_next(aws: World) -> None:
    function = aws.function()
    aws.allow(function)
    gone = f"arn:aws:sns:{REGION}:{ACCOUNT}:gone"
    aws.alarm(AlarmActions=[gone, f"arn:aws:automate:{REGION}:ec2:reboot", function])
    aws.put(9)
    aws.run()
    assert [called for called, _ in aws.functions.events] == [function]
    assert ["Topic does not exist" in aws.log[0], "recorded, not emulated" in aws.log[1]] == [True, True]
