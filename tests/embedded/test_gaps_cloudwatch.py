"""Percentiles in GetMetricData, which moto does not know."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.embedded.gaps_world import Mended, mended


@pytest.fixture(scope="module")
def aws() -> Iterator[Mended]:
    with mended() as made:
        yield made


def asked(cloud: Mended, stat: str) -> list[float]:
    cloudwatch, now = cloud.client("cloudwatch"), datetime.now(UTC)
    data: list[Any] = [{"MetricName": stat, "Value": value, "Timestamp": now} for value in range(1, 101)]
    cloudwatch.put_metric_data(Namespace="gaps", MetricData=data)
    metric = {"Namespace": "gaps", "MetricName": stat}
    query = {"Id": "q", "MetricStat": {"Metric": metric, "Period": 3600, "Stat": stat}}
    reply = cloudwatch.get_metric_data(
        MetricDataQueries=[query], StartTime=now - timedelta(minutes=5), EndTime=now + timedelta(minutes=5)
    )
    return reply["MetricDataResults"][0]["Values"]


@pytest.mark.parametrize(("stat", "least", "most"), [("p95", 94, 96), ("p50", 49, 51), ("p100", 100, 100)])
def test_a_percentile_is_computed(aws: Mended, stat: str, least: float, most: float) -> None:
    (value,) = asked(aws, stat)
    assert least <= value <= most


def test_other_statistics_are_as_they_were(aws: Mended) -> None:
    assert asked(aws, "Sum") == [5050]
