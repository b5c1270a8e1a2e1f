"""Amazon CloudWatch: GetMetricData. moto knows no percentiles, and fails where one is asked for.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Statistics-definitions.html
"""

from typing import Any

from moto.cloudwatch.models import Statistics

from embedded_aws.alarms.samples import percentile, sample_of, value_of
from embedded_aws.patches import Replacement


def replacements() -> list[Replacement]:
    compute = Statistics.get_statistics_for_type

    def get_statistics_for_type(statistics: Statistics, stat: str) -> Any:
        if percentile(stat) is None:
            return compute(statistics, stat)
        samples = [sample for datum in statistics.metric_data if (sample := sample_of(datum)) is not None]
        return value_of(stat, samples)

    return [(Statistics, "get_statistics_for_type", get_statistics_for_type)]
