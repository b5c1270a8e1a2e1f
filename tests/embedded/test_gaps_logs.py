"""Metrics in lines that a program writes to CloudWatch Logs itself, which moto keeps as mere lines."""

import json
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.embedded.gaps_world import Mended, mended


@pytest.fixture(scope="module")
def aws() -> Iterator[Mended]:
    with mended() as made:
        yield made


@pytest.fixture
def name(aws: Mended) -> str:
    """Of a log group with a stream, and of a namespace that nobody else uses."""
    name, logs = f"gaps-{uuid.uuid4().hex[:8]}", aws.client("logs")
    logs.create_log_group(logGroupName=name)
    logs.create_log_stream(logGroupName=name, logStreamName="s")
    return name


def metrics_in(namespace: str, **values: float) -> str:
    names = [{"Name": name, "Unit": "Count"} for name in values]
    directive = {"Namespace": namespace, "Dimensions": [["agent"]], "Metrics": names}
    now = int(time.time() * 1000)
    return json.dumps({"_aws": {"Timestamp": now, "CloudWatchMetrics": [directive]}, "agent": "a"} | values)


def put(aws: Mended, group: str, *lines: str) -> None:
    events: Any = [{"timestamp": int(time.time() * 1000), "message": line} for line in lines]
    aws.client("logs").put_log_events(logGroupName=group, logStreamName="s", logEvents=events)


def total(aws: Mended, namespace: str, metric: str) -> float:
    now = datetime.now(UTC)
    found = aws.client("cloudwatch").get_metric_statistics(
        Namespace=namespace,
        MetricName=metric,
        Dimensions=[{"Name": "agent", "Value": "a"}],
        StartTime=now - timedelta(hours=1),
        EndTime=now + timedelta(hours=1),
        Period=7200,
        Statistics=["Sum"],
    )
    return sum(point["Sum"] for point in found["Datapoints"])


def test_metrics_in_lines_are_counted_and_the_lines_are_kept(aws: Mended, name: str) -> None:
    lines = [metrics_in(name, Runs=2, RunErrors=1), "not a metric", metrics_in(name, Runs=3)]
    put(aws, name, *lines)
    assert (total(aws, name, "Runs"), total(aws, name, "RunErrors")) == (5, 1)
    kept = aws.client("logs").get_log_events(logGroupName=name, logStreamName="s", startFromHead=True)
    assert [event["message"] for event in kept["events"]] == lines


def test_a_line_that_does_not_fit_the_format_counts_nothing_and_is_kept(aws: Mended, name: str) -> None:
    put(aws, name, '{"_aws": 1}', '{"_aws": {"CloudWatchMetrics": [{}]}}', '{"_aws"')
    assert not aws.client("cloudwatch").list_metrics(Namespace=name)["Metrics"]
    kept = aws.client("logs").get_log_events(logGroupName=name, logStreamName="s")
    assert len(kept["events"]) == 3


def test_what_is_refused_counts_nothing(aws: Mended, name: str) -> None:
    logs = aws.client("logs")
    logs.delete_log_stream(logGroupName=name, logStreamName="s")
    with pytest.raises(logs.exceptions.ResourceNotFoundException):
        put(aws, name, metrics_in(name, Runs=1))
    assert total(aws, name, "Runs") == 0
