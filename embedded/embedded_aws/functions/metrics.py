"""Metrics in moto's CloudWatch: those that functions print in Embedded Metric Format, and Lambda's own."""

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from moto.backends import get_backend

from embedded_aws.functions.versions import LATEST, Target


def put_embedded(account: str, region: str, line: str) -> None:
    """https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html"""
    if '"_aws"' not in line or not line.startswith("{"):
        return
    try:
        document = json.loads(line)
        found = list(_embedded(document))
    except (ValueError, TypeError, KeyError, AttributeError):
        return  # CloudWatch ignores what does not fit the format; the line stays in the log.
    for namespace, data in found:
        get_backend("cloudwatch")[account][region].put_metric_data(namespace, data)


def put_invocation(
    account: str, region: str, dimensions: Iterable[Mapping[str, str]], values: Mapping[str, float]
) -> None:
    """Lambda's own metrics, once for each set of dimensions.

    https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html
    """
    sets = list(dimensions)
    data = [
        {
            "MetricName": name,
            "Value": value,
            "Unit": "Milliseconds" if name == "Duration" else "Count",
            "Dimensions": [{"Name": key, "Value": text} for key, text in named.items()],
        }
        for named in sets
        for name, value in values.items()
    ]
    get_backend("cloudwatch")[account][region].put_metric_data("AWS/Lambda", data)


def dimensions_of(target: Target) -> list[dict[str, str]]:
    """A canary is seen by its ExecutedVersion.

    https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-view.html
    """
    name, number = target.version.name, target.version.version
    named = {"FunctionName": name}
    qualified = {**named, "Resource": f"{name}:{target.alias or number}"}
    if number == LATEST:
        return [named, {**named, "Resource": name}]
    executed = [{**qualified, "ExecutedVersion": number}] if target.alias else []
    return [named, qualified, *executed]


def _embedded(document: Mapping[str, Any]) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    root = document["_aws"]
    # moto compares timestamps without a time zone, all in UTC.
    timestamp = datetime.fromtimestamp(root["Timestamp"] / 1000, UTC).replace(tzinfo=None)
    for directive in root["CloudWatchMetrics"]:
        data: list[dict[str, Any]] = []
        for metric in directive["Metrics"]:
            value = document[metric["Name"]]
            for names in directive.get("Dimensions") or [[]]:
                data.append(
                    {
                        "MetricName": metric["Name"],
                        "Unit": metric.get("Unit", "None"),
                        "Timestamp": timestamp,
                        "Dimensions": [{"Name": name, "Value": str(document[name])} for name in names],
                        **({"Values": value} if isinstance(value, list) else {"Value": float(value)}),
                    }
                )
        yield directive["Namespace"], data
