"""What a policy makes of a capacity and a metric: pure.

Found in AWS's documentation on a service without tasks:

- Target tracking scales "proportionally to the metric"
  (https://docs.aws.amazon.com/autoscaling/application/userguide/target-tracking-scaling-policy-overview.html),
  and nothing in proportion to zero is more than zero.
- It "does not perform scaling when the specified metric has insufficient data"
  (https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-autoscaling-targettracking.html), which
  a backlog for each of no tasks is: a division by zero.

So the first task comes from a step policy, whose ChangeInCapacity adds to zero, or from the minimum capacity.
No page promises more, and a stack that relied on more here could stay at zero on AWS.
"""

import math
from collections.abc import Mapping
from typing import Any

_COMPARISONS = {
    "GreaterThanThreshold": lambda value, threshold: value > threshold,
    "GreaterThanOrEqualToThreshold": lambda value, threshold: value >= threshold,
    "LessThanThreshold": lambda value, threshold: value < threshold,
    "LessThanOrEqualToThreshold": lambda value, threshold: value <= threshold,
}


def tracked(capacity: int, metric: float, target: float) -> int:
    """The capacity at which a metric that falls in proportion to it meets the target."""
    return math.ceil(capacity * metric / target)


def is_breached(comparison: str, value: float, threshold: float) -> bool:
    """https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html; bands of an
    anomaly detection are never breached here."""
    compare = _COMPARISONS.get(comparison)
    return compare is not None and compare(value, threshold)


def stepped(capacity: int, configuration: Mapping[str, Any], breach: float) -> int | None:
    """`breach` is the metric less the alarm's threshold; None where no step covers it.

    https://docs.aws.amazon.com/autoscaling/application/userguide/step-scaling-policy-overview.html
    """
    for step in configuration.get("StepAdjustments") or ():
        low = float(step.get("MetricIntervalLowerBound", -math.inf))
        high = float(step.get("MetricIntervalUpperBound", math.inf))
        # The bound nearer to the threshold belongs to its step.
        within = low <= breach < high if breach >= 0 else low < breach <= high
        if within:
            return _adjusted(capacity, configuration, step["ScalingAdjustment"])
    return None


def _adjusted(capacity: int, configuration: Mapping[str, Any], adjustment: int) -> int:
    kind = configuration.get("AdjustmentType")
    if kind == "ExactCapacity":
        return adjustment
    if kind != "PercentChangeInCapacity":
        return capacity + adjustment
    # AWS rounds towards zero, but what is between 0 and 1 becomes 1, on either side.
    share = capacity * adjustment / 100
    size = max(math.floor(abs(share)), 1 if share else 0, configuration.get("MinAdjustmentMagnitude") or 0)
    return capacity + (size if adjustment > 0 else -size)
