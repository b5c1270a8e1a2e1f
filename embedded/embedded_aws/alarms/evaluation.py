"""One alarm's data points by now, and what they make of it.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-evaluation.html
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from moto.cloudwatch.models import Alarm

from embedded_aws.alarms.reasons import COMPARISONS, Datapoint, Verdict, verdict
from embedded_aws.alarms.recorder import Recorder
from embedded_aws.alarms.samples import Sample, Window, percentile, value_of
from embedded_aws.alarms.states import evaluation_range, state_of
from embedded_aws.tasks.scaling.expressions import BadExpression
from embedded_aws.tasks.scaling.metrics import Metric, Query, computed, of_alarm
from embedded_aws.tasks.scaling.policies import is_breached

_LONGEST_PERIODS = 7 * 24 * 60
"""A week of minutes. https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html:
periods of less than an hour span a day at most, longer ones 7 days."""


def metrics_of(alarm: Alarm) -> list[Metric]:
    return [query.metric for query in of_alarm(alarm) if query.metric is not None]


def judge(alarm: Alarm, recorder: Recorder, now: datetime) -> Verdict | None:
    """None leaves the alarm as it is. Raises BadExpression where the alarm cannot be evaluated."""
    if alarm.comparison_operator not in COMPARISONS or alarm.threshold_metric_id:
        raise BadExpression("bands of an anomaly detection are not emulated")
    queries = of_alarm(alarm)
    periods = min(int(alarm.evaluation_periods), _LONGEST_PERIODS)
    window = Window(now, timedelta(seconds=_period_seconds(alarm, queries)), evaluation_range(periods))
    parts = {
        query.id: window.divided(recorder.samples(query.metric))
        for query in queries
        if query.metric is not None
    }
    if _is_low(alarm, queries, parts, periods):
        return None
    points = [_point(alarm, queries, parts, window, ago) for ago in reversed(range(window.periods))]
    missing = alarm.treat_missing_data or _default(alarm)
    to_alarm = int(alarm.datapoints_to_alarm or periods)
    breaches = [point.breaches for point in points]
    state = state_of(breaches, periods=periods, to_alarm=to_alarm, missing=missing)
    if state is None:
        return None
    return verdict(alarm, state, points, missing=missing, periods=periods, to_alarm=to_alarm, window=window)


def _point(
    alarm: Alarm,
    queries: Sequence[Query],
    parts: Mapping[str, Mapping[int, list[Sample]]],
    window: Window,
    ago: int,
) -> Datapoint:
    # By identity: two queries may look at one metric, which is then the same in both.
    held = {id(query.metric): parts[query.id].get(ago, []) for query in queries if query.metric is not None}
    value = computed(queries, lambda metric: value_of(metric.statistic, held[id(metric)]))
    only = held[id(queries[0].metric)] if len(queries) == 1 and queries[0].metric is not None else None
    count = None if only is None else sum(sample.count for sample in only)
    breaches = None if value is None else is_breached(alarm.comparison_operator, value, alarm.threshold)
    return Datapoint(window.now - window.period * (ago + 1), value, breaches, count)


def _period_seconds(alarm: Alarm, queries: Sequence[Query]) -> int:
    """Metrics of one alarm have one period; an expression without metrics has its own.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Create-alarm-on-metric-math-expression.html
    """
    if not alarm.metric_data_queries:
        return max(int(alarm.period), 1)
    given = [query.metric.period_seconds for query in queries if query.metric is not None]
    own: list[Any] = [query.period for query in alarm.metric_data_queries if query.period]
    return max(given[0] if given else int(own[0]) if own else 60, 1)


def _is_low(
    alarm: Alarm,
    queries: Sequence[Query],
    parts: Mapping[str, Mapping[int, list[Sample]]],
    periods: int,
) -> bool:
    """Whether the alarm waits for more samples before it judges a percentile.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/percentiles-with-low-samples.html
    """
    metric = queries[0].metric
    percent = None if metric is None else percentile(metric.statistic)
    if alarm.evaluate_low_sample_count_percentile != "ignore" or percent is None:
        return False
    held = parts[queries[0].id]
    count = sum(sample.count for ago in range(periods) for sample in held.get(ago, []))
    rarer = min(percent, 100 - percent) / 100
    return count * rarer < 10


def _default(alarm: Alarm) -> str:
    """https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html: metrics of
    DynamoDB are there only while something happens."""
    return "ignore" if alarm.namespace == "AWS/DynamoDB" else "missing"
