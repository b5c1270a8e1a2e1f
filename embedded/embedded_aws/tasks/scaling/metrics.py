"""What a metric is now: of queues and services from themselves, else from what PutMetricData left."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from moto.cloudwatch.models import MetricDatum, cloudwatch_backends
from moto.ecs.models import ecs_backends
from moto.sqs.models import sqs_backends

from embedded_aws.tasks.scaling.expressions import BadExpression, Value, evaluate

_QUEUES = {
    "ApproximateNumberOfMessagesVisible": "approximate_number_of_messages",
    "ApproximateNumberOfMessagesNotVisible": "approximate_number_of_messages_not_visible",
    "ApproximateNumberOfMessagesDelayed": "approximate_number_of_messages_delayed",
}
"""https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html"""
_SERVICES = {"RunningTaskCount": "running_count", "DesiredTaskCount": "desired_count"}
"""https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Container-Insights-metrics-ECS.html"""
_STATISTICS: Mapping[str, Callable[[Sequence[float]], float]] = {
    "Average": lambda values: sum(values) / len(values),
    "Sum": sum,
    "Minimum": min,
    "Maximum": max,
    "SampleCount": len,
}


@dataclass(frozen=True)
class Metric:
    namespace: str
    name: str
    dimensions: Mapping[str, str]
    statistic: str = "Average"
    period_seconds: int = 60
    unit: str | None = None
    """Of the alarms alone: data in another unit does not count."""


@dataclass(frozen=True)
class Query:
    """A metric, or an expression over the other queries."""

    id: str
    metric: Metric | None
    expression: str
    returns: bool


@dataclass(frozen=True)
class Metrics:
    account: str
    region: str
    clock: Callable[[], float]

    def computed(self, queries: Sequence[Query]) -> Value:
        """The one query that returns data. Raises BadExpression."""
        return computed(queries, self.value)

    def value(self, metric: Metric) -> Value:
        return self.measured(metric) if is_measured(metric) else self._put(metric)

    def measured(self, metric: Metric) -> Value:
        """Of a queue or a service as it is now; None where there is none."""
        if metric.namespace == "AWS/SQS" and metric.name in _QUEUES:
            queue = sqs_backends[self.account][self.region].queues.get(metric.dimensions.get("QueueName", ""))
            return None if queue is None else float(getattr(queue, _QUEUES[metric.name]))
        named = (metric.dimensions.get(name, "") for name in ("ClusterName", "ServiceName"))
        service = ecs_backends[self.account][self.region].services.get(":".join(named))
        return None if service is None else float(getattr(service, _SERVICES[metric.name]))

    def _put(self, metric: Metric) -> Value:
        """The statistic over the last period; None without data."""
        now = datetime.fromtimestamp(self.clock(), UTC).replace(tzinfo=None)  # as moto has it
        held = list(cloudwatch_backends[self.account][self.region].metric_data)
        found = [
            float(datum.value)
            for datum in held
            if isinstance(datum, MetricDatum)
            and (datum.namespace, datum.name) == (metric.namespace, metric.name)
            and {d.name: d.value for d in datum.dimensions} == metric.dimensions
            and 0 <= (now - datum.timestamp.replace(tzinfo=None)).total_seconds() < metric.period_seconds
        ]
        statistic = _STATISTICS.get(metric.statistic)
        if statistic is None:
            raise BadExpression(f"the embedded cloud does not compute the statistic {metric.statistic}")
        return statistic(found) if found else None


def computed(queries: Sequence[Query], value: Callable[[Metric], Value]) -> Value:
    """The one query that returns data, where `value` knows the metrics. Raises BadExpression."""
    values = {query.id: value(query.metric) for query in queries if query.metric is not None}
    waiting = [query for query in queries if query.metric is None]
    # An expression may name another one: each pass computes those whose ids are all known.
    for _ in range(len(waiting)):
        for query in list(waiting):
            try:
                values[query.id] = evaluate(query.expression, values)
            except BadExpression:
                continue
            waiting.remove(query)
    if waiting:
        evaluate(waiting[0].expression, values)
    returned = [query.id for query in queries if query.returns]
    if len(returned) != 1:
        raise BadExpression(f"{len(returned)} of the metrics return data, where it must be one")
    return values[returned[0]]


def is_measured(metric: Metric) -> bool:
    """Whether the metric is read from its queue or service; nobody puts its data."""
    return (metric.namespace == "AWS/SQS" and metric.name in _QUEUES) or (
        metric.namespace == "ECS/ContainerInsights" and metric.name in _SERVICES
    )


def customized(specification: Mapping[str, Any]) -> list[Query]:
    """https://docs.aws.amazon.com/autoscaling/application/APIReference/API_CustomizedMetricSpecification.html"""
    if not specification.get("Metrics"):
        return [Query("metric", _metric(specification, specification.get("Statistic")), "", returns=True)]
    return [_query(one) for one in specification["Metrics"]]


def of_alarm(alarm: Any) -> list[Query]:
    """What moto's alarm looks at."""
    if not alarm.metric_data_queries:
        named = {d.name: d.value for d in alarm.dimensions}
        statistic = alarm.statistic or alarm.extended_statistic or "Average"
        metric = Metric(alarm.namespace, alarm.metric_name, named, statistic, alarm.period, alarm.unit)
        return [Query("metric", metric, "", returns=True)]
    return [_of_alarm(one) for one in alarm.metric_data_queries]


def _of_alarm(one: Any) -> Query:
    returns = str(one.return_data).lower() != "false"
    if one.metric_stat is None:
        return Query(one.id, None, one.expression or "", returns)
    held, stat = one.metric_stat.metric, one.metric_stat
    dimensions = {d.name: d.value for d in held.dimensions}
    period = int(stat.period or 60)
    metric = Metric(held.namespace, held.metric_name, dimensions, stat.stat, period, stat.unit)
    return Query(one.id, metric, "", returns)


def _query(one: Mapping[str, Any]) -> Query:
    stat = one.get("MetricStat")
    metric = _metric(stat["Metric"], stat.get("Stat")) if stat else None
    return Query(one["Id"], metric, one.get("Expression") or "", one.get("ReturnData") is not False)


def _metric(given: Mapping[str, Any], statistic: str | None) -> Metric:
    dimensions = {d["Name"]: d["Value"] for d in given.get("Dimensions") or ()}
    return Metric(given["Namespace"], given["MetricName"], dimensions, statistic or "Average")
