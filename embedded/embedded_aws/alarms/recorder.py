"""The samples of one region: those that were put, and those of queues and services, taken round by round."""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from moto.cloudwatch.models import MetricDatumBase, cloudwatch_backends

from embedded_aws.alarms.samples import Sample, gauge, sample_of
from embedded_aws.tasks.scaling.metrics import Metric, Metrics, is_measured

_MOST_KEPT = 8 * 24 * 60
"""A sample a minute, of a week and a day: an alarm's evaluation periods span no more than 7 days.
https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html"""
_Key = tuple[str, str, tuple[tuple[str, str], ...]]


class Recorder:
    def __init__(self, account: str, region: str) -> None:
        self._account, self._region = account, region
        self._put: Mapping[_Key, list[MetricDatumBase]] = {}
        self._taken: dict[_Key, deque[Sample]] = {}

    def take(self, metrics: Iterable[Metric], now: datetime) -> None:
        """Reads what these metrics are; other ones are forgotten."""
        wanted = {_key_of(metric): metric for metric in metrics}
        self._put = self._grouped({key for key, metric in wanted.items() if not is_measured(metric)})
        measure = Metrics(self._account, self._region, now.timestamp).measured
        before, self._taken = self._taken, {}
        for key, metric in wanted.items():
            if is_measured(metric):
                kept = self._taken[key] = before.get(key) or deque(maxlen=_MOST_KEPT)
                value = measure(metric)
                if value is not None:
                    _add(kept, gauge(now, value))

    def samples(self, metric: Metric) -> Sequence[Sample]:
        key = _key_of(metric)
        if is_measured(metric):
            return list(self._taken.get(key, ()))
        data = [datum for datum in self._put.get(key, ()) if metric.unit in (None, "", datum.unit)]
        return [sample for datum in data if (sample := sample_of(datum)) is not None]

    def _grouped(self, wanted: set[_Key]) -> Mapping[_Key, list[MetricDatumBase]]:
        """In one pass, however many alarms there are: moto keeps every datum that was ever put."""
        found: dict[_Key, list[MetricDatumBase]] = {}
        names = {key[:2] for key in wanted}
        for datum in list(cloudwatch_backends[self._account][self._region].metric_data):
            if (datum.namespace, datum.name) in names:
                dimensions = tuple(sorted((str(d.name), str(d.value)) for d in datum.dimensions))
                found.setdefault((datum.namespace, datum.name, dimensions), []).append(datum)
        return found


def _add(kept: deque[Sample], new: Sample) -> None:
    """SQS and ECS report once a minute: the newest value of a minute stands for it."""
    if kept and _minute(kept[-1]) == _minute(new):
        kept.pop()
    kept.append(new)


def _minute(sample: Sample) -> int:
    return int(sample.at.timestamp()) // 60


def _key_of(metric: Metric) -> _Key:
    return metric.namespace, metric.name, tuple(sorted(metric.dimensions.items()))
