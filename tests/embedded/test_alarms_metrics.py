"""What alarms see of metrics: statistics, metric math, and metrics of functions, queues and services."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from embedded_aws.functions.metrics import put_embedded, put_invocation
from tests.embedded.alarms_world import World, alarms_world
from tests.embedded.functions_world import ACCOUNT, REGION

CANARY = {"FunctionName": "agent", "Resource": "agent:live", "ExecutedVersion": "2"}


@pytest.fixture
def aws() -> Iterator[World]:
    with alarms_world() as made:
        yield made


def query(name: str, metric: str, namespace: str = "Own", **dimensions: str) -> Any:
    named = [{"Name": key, "Value": value} for key, value in dimensions.items()]
    return {
        "Id": name,
        "ReturnData": False,
        "MetricStat": {
            "Metric": {"Namespace": namespace, "MetricName": metric, "Dimensions": named},
            "Period": 300,
            "Stat": "Sum",
        },
    }


def error_rate(aws: World, **settings: Any) -> str:
    """As the component of canary traffic declares it."""
    metrics = [
        {"Id": "rate", "Expression": "100 * errors / calls", "ReturnData": True},
        query("errors", "Errors"),
        query("calls", "Invocations"),
    ]
    return aws.alarm(Metrics=metrics, TreatMissingData="notBreaching", **settings)


def test_an_error_rate_without_calls_breaches_nothing(aws: World) -> None:
    error_rate(aws)
    assert aws.state() == "OK"
    aws.put(0, name="Errors")
    assert aws.state() == "OK"


def test_an_error_rate_is_of_all_calls_within_the_period(aws: World) -> None:
    error_rate(aws)
    for ago in (10, 130, 250):
        aws.put(*[1] * 10, name="Invocations", ago=ago)
        aws.put(*[0] * 10, name="Errors", ago=ago)
    aws.put(1, name="Errors", ago=280)
    assert aws.state() == "OK"
    aws.put(1, name="Errors")
    assert aws.run() == [("load", "OK", "ALARM")]
    assert "6.66" in aws.held()["StateReason"]


def test_an_expression_may_use_another_one(aws: World) -> None:
    metrics = [
        {"Id": "twice", "Expression": "both * 2", "ReturnData": True},
        {"Id": "both", "Expression": "FILL(a, 0) + FILL(b, 0)", "ReturnData": False},
        query("a", "A"),
        query("b", "B"),
    ]
    aws.alarm(Metrics=metrics)
    aws.put(3, name="A")
    assert aws.state() == "ALARM"


@pytest.mark.parametrize(
    ("statistic", "value"),
    [
        ({"Statistic": "Average"}, 50.5),
        ({"Statistic": "Sum"}, 5050),
        ({"Statistic": "Minimum"}, 1),
        ({"Statistic": "Maximum"}, 100),
        ({"Statistic": "SampleCount"}, 100),
        ({"Statistic": None, "ExtendedStatistic": "p95"}, 95),
        ({"Statistic": None, "ExtendedStatistic": "p99.5"}, 100),
        ({"Statistic": None, "ExtendedStatistic": "p50"}, 50),
    ],
)
def test_a_statistic_is_over_all_values_of_the_period(aws: World, statistic: Any, value: float) -> None:
    aws.put(*range(100, 0, -1))
    aws.put(1000, ago=60)
    aws.alarm(**statistic, Threshold=value, ComparisonOperator="GreaterThanOrEqualToThreshold")
    aws.alarm("above", **statistic, Threshold=value)
    aws.run()
    assert (aws.held()["StateValue"], aws.held("above")["StateValue"]) == ("ALARM", "OK")


def test_a_percentile_of_few_samples_may_wait_for_more(aws: World) -> None:
    waiting = {"EvaluateLowSampleCountPercentile": "ignore"}
    aws.alarm(Statistic=None, ExtendedStatistic="p95", **waiting)
    aws.put(*[9] * 199)
    assert aws.state() == "INSUFFICIENT_DATA"
    aws.put(9)
    assert aws.state() == "ALARM"


def test_sets_of_statistics_count_as_the_values_that_they_stand_for(aws: World) -> None:
    aws.put(2)
    given = {"Sum": 30, "Minimum": 4, "Maximum": 16, "SampleCount": 3}
    datum = {"MetricName": "Load", "Timestamp": aws.now, "StatisticValues": given}
    aws.client("cloudwatch").put_metric_data(Namespace="Own", MetricData=[datum])
    expected = {"Average": 8, "Sum": 32, "Minimum": 2, "Maximum": 16, "SampleCount": 4}
    for statistic, value in expected.items():
        aws.alarm(statistic, Statistic=statistic, Threshold=value, ComparisonOperator="LessThanThreshold")
        aws.alarm(
            f"{statistic}+",
            Statistic=statistic,
            Threshold=value + 0.1,
            ComparisonOperator="LessThanThreshold",
        )
    assert {name for name, _, to in aws.run() if to == "ALARM"} == {f"{name}+" for name in expected}


def test_data_of_other_dimensions_and_units_are_of_other_metrics(aws: World) -> None:
    one, other = ([{"Name": "agent", "Value": value}] for value in ("one", "other"))
    aws.alarm(Dimensions=one, Unit="Seconds")
    aws.put(9, Dimensions=other, Unit="Seconds")
    aws.put(9, Unit="Seconds")
    aws.put(9, Dimensions=one, Unit="Count")
    assert aws.state() == "INSUFFICIENT_DATA"
    aws.put(9, Dimensions=one, Unit="Seconds")
    assert aws.state() == "ALARM"


def test_data_of_the_future_count_when_their_time_has_come(aws: World) -> None:
    aws.alarm()
    aws.put(9, ago=-30)
    assert [aws.state(), aws.state(seconds=30)] == ["INSUFFICIENT_DATA", "ALARM"]


def test_what_a_function_prints_reaches_the_alarm(aws: World) -> None:
    aws.alarm(Namespace="AgentHosting", MetricName="SpendUsd", Statistic="Sum", Period=3600, Threshold=0.5)
    metrics = [{"Namespace": "AgentHosting", "Dimensions": [[]], "Metrics": [{"Name": "SpendUsd"}]}]
    for minutes in (50, 20):
        moment = int((aws.now.timestamp() - 60 * minutes) * 1000)
        line = {"_aws": {"Timestamp": moment, "CloudWatchMetrics": metrics}, "SpendUsd": 0.3}
        put_embedded(ACCOUNT, REGION, json.dumps(line))
    assert aws.state() == "ALARM"


def test_failing_calls_of_a_canary_reach_its_alarm(aws: World) -> None:
    metrics = [
        {"Id": "rate", "Expression": "100 * errors / calls", "ReturnData": True},
        query("errors", "Errors", "AWS/Lambda", **CANARY),
        query("calls", "Invocations", "AWS/Lambda", **CANARY),
    ]
    aws.alarm(Metrics=metrics, TreatMissingData="notBreaching")
    assert aws.state() == "OK"
    put_invocation(ACCOUNT, REGION, [CANARY], {"Invocations": 1.0, "Errors": 1.0})
    # What Lambda measures has the time of this machine.
    aws.now = datetime.now(UTC) + timedelta(minutes=1)
    assert aws.state() == "ALARM"


@pytest.mark.parametrize("periods", [1, 3])
def test_a_queue_is_looked_at_in_each_round(aws: World, periods: int) -> None:
    url = aws.client("sqs").create_queue(QueueName="dead")["QueueUrl"]
    aws.alarm(
        Namespace="AWS/SQS",
        MetricName="ApproximateNumberOfMessagesVisible",
        Dimensions=[{"Name": "QueueName", "Value": "dead"}],
        Statistic="Maximum",
        Threshold=1,
        ComparisonOperator="GreaterThanOrEqualToThreshold",
        EvaluationPeriods=periods,
    )
    assert [aws.state(minutes=1) for _ in range(4)][-1] == "OK"
    aws.client("sqs").send_message(QueueUrl=url, MessageBody="dead")
    found = [aws.state(minutes=1) for _ in range(periods)]
    assert found == ["OK"] * (periods - 1) + ["ALARM"]
    aws.client("sqs").purge_queue(QueueUrl=url)
    assert aws.state(minutes=1) == "OK"


def test_rounds_within_a_minute_are_one_sample_of_a_queue(aws: World) -> None:
    url = aws.client("sqs").create_queue(QueueName="runs")["QueueUrl"]
    aws.client("sqs").send_message(QueueUrl=url, MessageBody="run")
    aws.alarm(
        Namespace="AWS/SQS",
        MetricName="ApproximateNumberOfMessagesVisible",
        Dimensions=[{"Name": "QueueName", "Value": "runs"}],
        Statistic="Sum",
        Threshold=1,
    )
    assert {aws.state(seconds=10) for _ in range(5)} == {"OK"}
