"""What the actions of an alarm get to see: the message to a topic, and the event to a function."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from moto.cloudwatch.models import Alarm, Dimension, MetricDataQuery

from embedded_aws.alarms.reasons import stamp

_REGIONS = {"eu-west-1": "EU (Ireland)"}
"""Notifications call a region by its long name."""


@dataclass(frozen=True)
class Situation:
    """A state, since when, and why."""

    value: str
    reason: str
    data: str
    at: datetime


@dataclass(frozen=True)
class Change:
    """Kept apart from the alarm, whose state may be another one when the actions run."""

    alarm: Alarm
    before: Situation
    after: Situation


def situation(alarm: Alarm) -> Situation:
    data = alarm.state_reason_data or "{}"
    return Situation(alarm.state_value, alarm.state_reason, data, alarm.state_updated_timestamp)


def subject(change: Change) -> str:
    """At most 100 characters: https://docs.aws.amazon.com/sns/latest/api/API_Publish.html"""
    alarm = change.alarm
    text = f'{change.after.value}: "{alarm.name}" in {_REGIONS.get(alarm.region_name, alarm.region_name)}'
    return text[:100]


def notification(change: Change) -> dict[str, Any]:
    """https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Notify_Users_Alarm_Changes.html"""
    alarm = change.alarm
    return {
        "AlarmName": alarm.name,
        "AlarmDescription": alarm.description,
        "AWSAccountId": _account(alarm),
        "AlarmConfigurationUpdatedTimestamp": stamp(alarm.configuration_updated_timestamp),
        "NewStateValue": change.after.value,
        "NewStateReason": change.after.reason,
        "StateChangeTime": stamp(change.after.at),
        "Region": _REGIONS.get(alarm.region_name, alarm.region_name),
        "AlarmArn": alarm.alarm_arn,
        "OldStateValue": change.before.value,
        "OKActions": list(alarm.ok_actions),
        "AlarmActions": list(alarm.alarm_actions),
        "InsufficientDataActions": list(alarm.insufficient_data_actions),
        "Trigger": _trigger(alarm),
    }


def event(change: Change) -> dict[str, Any]:
    """https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-actions-Lambda.html"""
    alarm = change.alarm
    described = {"description": alarm.description} if alarm.description else {}
    return {
        "source": "aws.cloudwatch",
        "alarmArn": alarm.alarm_arn,
        "accountId": _account(alarm),
        "time": stamp(change.after.at),
        "region": alarm.region_name,
        "alarmData": {
            "alarmName": alarm.name,
            "state": _state(change.after),
            "previousState": _state(change.before),
            "configuration": {**described, "metrics": _metrics(alarm)},
        },
    }


def _account(alarm: Alarm) -> str:
    return str(alarm.alarm_arn).split(":")[4]


def _state(of: Situation) -> dict[str, str]:
    return {"value": of.value, "reason": of.reason, "reasonData": of.data, "timestamp": stamp(of.at)}


def _trigger(alarm: Alarm) -> dict[str, Any]:
    names = {
        "Period": alarm.period,
        "EvaluationPeriods": alarm.evaluation_periods,
        "DatapointsToAlarm": alarm.datapoints_to_alarm,
        "ComparisonOperator": alarm.comparison_operator,
        "Threshold": alarm.threshold,
    }
    judged = {name: value for name, value in names.items() if value is not None}
    judged["TreatMissingData"] = alarm.treat_missing_data or ""
    judged["EvaluateLowSampleCountPercentile"] = alarm.evaluate_low_sample_count_percentile or ""
    if alarm.metric_data_queries:
        return {**judged, "Metrics": [_query(query) for query in alarm.metric_data_queries]}
    statistic = (
        {"StatisticType": "ExtendedStatistic", "ExtendedStatistic": alarm.extended_statistic}
        if alarm.extended_statistic
        else {"StatisticType": "Statistic", "Statistic": _upper(alarm.statistic)}
    )
    return {
        "MetricName": alarm.metric_name,
        "Namespace": alarm.namespace,
        **statistic,
        "Unit": alarm.unit,
        "Dimensions": _dimensions(alarm.dimensions),
        **judged,
    }


def _upper(statistic: str) -> str:
    return "SAMPLE_COUNT" if statistic == "SampleCount" else str(statistic).upper()


def _query(query: MetricDataQuery) -> dict[str, Any]:
    how = query.metric_stat
    given: dict[str, Any] = {"Id": query.id, "Expression": query.expression, "Label": query.label}
    if how is not None:
        metric = {
            "Dimensions": _dimensions(how.metric.dimensions),
            "MetricName": how.metric.metric_name,
            "Namespace": how.metric.namespace,
        }
        given["MetricStat"] = {"Metric": metric, "Period": how.period, "Stat": how.stat}
    return {**{name: value for name, value in given.items() if value}, "ReturnData": _returns(query)}


def _dimensions(named: list[Dimension]) -> list[dict[str, Any]]:
    return [{"value": one.value, "name": one.name} for one in named]


def _metrics(alarm: Alarm) -> list[dict[str, Any]]:
    if alarm.metric_data_queries:
        return [_configured(query) for query in alarm.metric_data_queries]
    statistic, unit = alarm.statistic or alarm.extended_statistic or "", alarm.unit
    stat = _stat(alarm.namespace, alarm.metric_name, alarm.dimensions, alarm.period, statistic, unit)
    return [{"id": "m1", "metricStat": stat, "returnData": True}]


def _configured(query: MetricDataQuery) -> dict[str, Any]:
    given: dict[str, Any] = {"id": query.id, "expression": query.expression, "label": query.label}
    if (how := query.metric_stat) is not None:
        of = how.metric
        given["metricStat"] = _stat(
            of.namespace, of.metric_name, of.dimensions, how.period, how.stat, how.unit
        )
    return {**{name: value for name, value in given.items() if value}, "returnData": _returns(query)}


def _stat(
    namespace: str, name: str, dimensions: list[Dimension], period: Any, statistic: str, unit: str | None
) -> Mapping[str, Any]:
    metric = {"namespace": namespace, "name": name, "dimensions": {d.name: d.value for d in dimensions}}
    return {"metric": metric, "period": period, "stat": statistic, **({"unit": unit} if unit else {})}


def _returns(query: MetricDataQuery) -> bool:
    """Left out, it means yes: API_MetricDataQuery."""
    return str(query.return_data).lower() != "false"
