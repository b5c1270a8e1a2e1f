"""What a trigger measures now, read from the embedded AWS of this process."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

from embedded_aws.alarms.recorder import Recorder
from embedded_aws.alarms.samples import Window, value_of
from embedded_aws.tasks.scaling.expressions import BadExpression
from embedded_aws.tasks.scaling.metrics import Metric, Metrics, is_measured
from embedded_kubernetes.scaling.scaled_object import CloudWatch, Queue, Trigger

_VISIBLE = "ApproximateNumberOfMessagesVisible"
_IN_FLIGHT = "ApproximateNumberOfMessagesNotVisible"
_DELAYED = "ApproximateNumberOfMessagesDelayed"


class Unmeasured(Exception):
    """The trigger cannot be read; the text says why."""


class Measure:
    def __init__(self, account: str, clock: Callable[[], float]) -> None:
        self._account, self._clock = account, clock

    def __call__(self, trigger: Trigger) -> float:
        """Raises Unmeasured."""
        source = trigger.source
        return self._queue(source) if isinstance(source, Queue) else self._metric(source)

    def _queue(self, source: Queue) -> float:
        names = [
            _VISIBLE,
            *([_IN_FLIGHT] if source.in_flight else []),
            *([_DELAYED] if source.delayed else []),
        ]
        metrics = Metrics(self._account, source.region, self._clock)
        found = [metrics.measured(Metric("AWS/SQS", name, {"QueueName": source.name})) for name in names]
        if any(value is None for value in found):
            raise Unmeasured(f"there is no queue {source.name} in {source.region}")
        return sum(value for value in found if value is not None)

    def _metric(self, source: CloudWatch) -> float:
        """The newest period of the collection time that has data."""
        metric = Metric(source.namespace, source.metric, source.dimensions, source.statistic)
        if is_measured(metric):
            value = Metrics(self._account, source.region, self._clock).measured(metric)
            return source.without_data if value is None else value
        now = datetime.fromtimestamp(self._clock(), UTC)
        recorder = Recorder(self._account, source.region)
        recorder.take([metric], now)
        periods = max(1, source.collection_seconds // source.period_seconds)
        window = Window(now, timedelta(seconds=source.period_seconds), periods)
        found = window.divided(recorder.samples(metric))
        try:
            values: Sequence[float | None] = [
                value_of(source.statistic, found.get(ago, [])) for ago in range(periods)
            ]
        except BadExpression as error:
            raise Unmeasured(str(error)) from error
        return next((value for value in values if value is not None), source.without_data)
