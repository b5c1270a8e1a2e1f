from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from embedded_aws.functions import install
from tests.embedded.functions_world import Gateway, World, serving, world

CODE = """
import json, logging, sys, time
def handler(event, context):
    print("to stdout")
    print("to stderr", file=sys.stderr)
    logging.getLogger().warning("by logging")
    sys.stdout.write("no newline")
    if event.get("fail"): raise ValueError("no")
"""
METRIC = """
import json, time
def handler(event, context):
    print(json.dumps({
        "_aws": {
            "Timestamp": int(time.time() * 1000),
            "CloudWatchMetrics": [{
                "Namespace": event["namespace"],
                "Dimensions": [["Agent"], ["Agent", "Model"]],
                "Metrics": [{"Name": "CostUsd", "Unit": "None"}, {"Name": "Latency", "Unit": "Milliseconds"}],
            }],
        },
        "Agent": "tutor", "Model": "small", "CostUsd": 0.25, "Latency": [10, 30],
    }))
    print('{"_aws": "not a metric"}')
"""


@pytest.fixture(scope="module")
def gateway() -> Iterator[Gateway]:
    gateway = Gateway()
    with serving(gateway) as gateway.url:
        yield gateway


@pytest.fixture
def aws(gateway: Gateway) -> Iterator[World]:
    with world(gateway, choose=lambda: 0.0) as made:
        undo = install(made.functions)
        yield made
        undo()


def total(aws: World, namespace: str, metric: str, statistic: str = "Sum", **dimensions: str) -> float:
    now = datetime.now(UTC)
    found: Any = aws.client("cloudwatch").get_metric_statistics(
        Namespace=namespace,
        MetricName=metric,
        Dimensions=[{"Name": name, "Value": value} for name, value in dimensions.items()],
        StartTime=now - timedelta(minutes=10),
        EndTime=now + timedelta(minutes=10),
        Period=3600,
        Statistics=[statistic],
    )
    return sum(point[statistic] for point in found["Datapoints"])


def test_what_a_function_prints_is_in_its_log_group(aws: World) -> None:
    name = aws.function(CODE)
    aws.invoke(name)
    lines = aws.logged(f"/aws/lambda/{name}")
    assert lines[0].startswith("START RequestId: ")
    assert lines[1:3] == ["to stdout", "to stderr"]
    assert "by logging" in lines[3]
    assert lines[4] == "no newline"
    assert lines[5].startswith("END RequestId: ")
    assert lines[6].startswith("REPORT RequestId: ")


def test_a_process_has_one_stream_named_for_its_version(aws: World) -> None:
    name = aws.function(CODE)
    for _ in range(2):
        aws.invoke(name)
    (stream,) = aws.client("logs").describe_log_streams(logGroupName=f"/aws/lambda/{name}")["logStreams"]
    assert "[$LATEST]" in stream["logStreamName"]


def test_an_exception_is_one_event_with_its_traceback(aws: World) -> None:
    name = aws.function(CODE)
    aws.invoke(name, {"fail": True})
    (error,) = (line for line in aws.logged(f"/aws/lambda/{name}") if "[ERROR]" in line)
    assert "ValueError: no\nTraceback" in error


def test_a_timeout_is_told_in_the_report(aws: World) -> None:
    name = aws.function("import threading\ndef handler(e, c): threading.Event().wait()", Timeout=1)
    aws.invoke(name)
    assert aws.logged(f"/aws/lambda/{name}")[-1].endswith("Status: timeout")


def test_a_declared_log_group_is_used(aws: World) -> None:
    group = "/agents/declared"
    aws.client("logs").create_log_group(logGroupName=group)
    aws.invoke(aws.function(CODE, LoggingConfig={"LogGroup": group}))
    assert "to stdout" in aws.logged(group)


def test_a_metric_that_cloudwatch_refuses_does_not_stop_the_function(aws: World) -> None:
    name = aws.function(METRIC)
    for namespace in (7, None, f"Agents/{name}"):
        assert "FunctionError" not in aws.invoke(name, {"namespace": namespace})
    assert total(aws, f"Agents/{name}", "CostUsd", Agent="tutor", Model="small") == 0.25


def test_metrics_in_embedded_format_reach_cloudwatch(aws: World) -> None:
    name = aws.function(METRIC)
    reply = aws.invoke(name, {"namespace": f"Agents/{name}"})
    assert "FunctionError" not in reply
    assert total(aws, f"Agents/{name}", "CostUsd", Agent="tutor", Model="small") == 0.25
    assert total(aws, f"Agents/{name}", "Latency", "Maximum", Agent="tutor", Model="small") == 30


def test_lambda_counts_invocations_and_errors_of_each_executed_version(aws: World) -> None:
    lambda_, name = aws.client("lambda"), aws.function(CODE)
    lambda_.publish_version(FunctionName=name)
    lambda_.create_alias(FunctionName=name, Name="live", FunctionVersion="1")
    for event in ({}, {"fail": True}):
        aws.invoke(name, event, Qualifier="live")
    seen = {"FunctionName": name, "Resource": f"{name}:live", "ExecutedVersion": "1"}
    assert total(aws, "AWS/Lambda", "Invocations", **seen) == 2
    assert total(aws, "AWS/Lambda", "Errors", **seen) == 1
