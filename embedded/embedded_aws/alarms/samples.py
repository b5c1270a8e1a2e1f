"""What metrics were measured to be, and the statistics over it."""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from moto.cloudwatch.models import MetricAggregatedDatum, MetricDatum, MetricDatumBase

from embedded_aws.tasks.scaling.expressions import BadExpression, Value

_PERCENTILE = re.compile(r"p(?P<percent>100|\d{1,2}(\.\d{1,10})?)")


@dataclass(frozen=True)
class Sample:
    """One value, or the set of statistics that PutMetricData takes in its place."""

    at: datetime
    low: float
    high: float
    total: float
    count: float = 1


@dataclass(frozen=True)
class Window:
    """Periods of equal length that end now."""

    now: datetime
    period: timedelta
    periods: int

    def divided(self, samples: Sequence[Sample]) -> Mapping[int, list[Sample]]:
        """By how many periods ago they are; what lies in the future waits for its time."""
        found: dict[int, list[Sample]] = {}
        for sample in samples:
            ago = (self.now - sample.at) // self.period
            if 0 <= ago < self.periods:
                found.setdefault(ago, []).append(sample)
        return found


def gauge(at: datetime, value: float) -> Sample:
    return Sample(at, value, value, value)


def sample_of(datum: MetricDatumBase) -> Sample | None:
    """moto holds times without a zone, all in UTC."""
    at = datum.timestamp
    at = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    match datum:
        case MetricDatum():
            return gauge(at, float(datum.value))
        case MetricAggregatedDatum():
            return Sample(at, datum.min, datum.max, datum.sum, datum.sample_count)
        case _:
            return None


def percentile(statistic: str) -> float | None:
    """Of `p95`, 95; None for what is no percentile."""
    found = _PERCENTILE.fullmatch(statistic)
    return None if found is None else float(found["percent"])


def value_of(statistic: str, samples: Sequence[Sample]) -> Value:
    """None without data. Raises BadExpression for a statistic that is not computed.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Statistics-definitions.html
    """
    percent = percentile(statistic)
    compute = _STATISTICS.get(statistic)
    if percent is None and compute is None:
        raise BadExpression(f"the embedded cloud does not compute the statistic {statistic}")
    counted = [sample for sample in samples if sample.count > 0]
    if not counted:
        return None
    return compute(counted) if compute else _ranked(percent or 0, counted)


def _ranked(percent: float, samples: Sequence[Sample]) -> Value:
    """The smallest value that so much of the data does not exceed.

    Of sets of statistics with several values there is none: Statistics-definitions, "Percentiles".
    """
    if any(sample.count != 1 and sample.low != sample.high for sample in samples):
        return None
    ordered = sorted(samples, key=lambda sample: sample.low)
    wanted, seen = math.ceil(percent / 100 * sum(sample.count for sample in ordered)), 0.0
    for sample in ordered:
        seen += sample.count
        if seen >= wanted:
            return sample.low
    return ordered[-1].high


_STATISTICS: Mapping[str, Callable[[Sequence[Sample]], float]] = {
    "Average": lambda samples: math.fsum(s.total for s in samples) / math.fsum(s.count for s in samples),
    "Sum": lambda samples: math.fsum(s.total for s in samples),
    "Minimum": lambda samples: min(s.low for s in samples),
    "Maximum": lambda samples: max(s.high for s in samples),
    "SampleCount": lambda samples: math.fsum(s.count for s in samples),
}
