"""What a step policy makes of a capacity, and target tracking of a metric."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedded_aws.tasks.scaling.policies import stepped, tracked


@pytest.mark.parametrize(
    ("kind", "adjustment", "magnitude", "capacity"),
    [
        ("ChangeInCapacity", 3, None, 13),
        ("ChangeInCapacity", -3, None, 7),
        ("ExactCapacity", 4, None, 4),
        ("PercentChangeInCapacity", 25, None, 12),
        ("PercentChangeInCapacity", 1, None, 11),
        ("PercentChangeInCapacity", -5, None, 9),
        ("PercentChangeInCapacity", 25, 5, 15),
    ],
)
def test_a_step_adjusts_a_capacity_of_ten(
    kind: str, adjustment: int, magnitude: int | None, capacity: int
) -> None:
    step = {"MetricIntervalLowerBound": 0, "ScalingAdjustment": adjustment}
    given = {"AdjustmentType": kind, "StepAdjustments": [step], "MinAdjustmentMagnitude": magnitude}
    assert stepped(10, given, 0) == capacity


@pytest.mark.parametrize(("breach", "capacity"), [(0, 11), (9.9, 11), (10, 12), (-5, None)])
def test_a_step_covers_the_breach_between_its_bounds(breach: float, capacity: int | None) -> None:
    steps = [
        {"MetricIntervalLowerBound": 0, "MetricIntervalUpperBound": 10, "ScalingAdjustment": 1},
        {"MetricIntervalLowerBound": 10, "ScalingAdjustment": 2},
    ]
    given = {"AdjustmentType": "ChangeInCapacity", "StepAdjustments": steps}
    assert stepped(10, given, breach) == capacity


@given(st.integers(1, 100), st.floats(0, 1000), st.floats(0.1, 100))
def test_tracking_leaves_no_more_of_the_metric_for_each_task_than_the_target(
    capacity: int, metric: float, target: float
) -> None:
    wanted = tracked(capacity, metric, target)
    work = capacity * metric
    assert wanted == 0 or work / wanted <= target * (1 + 1e-9)
    assert wanted <= math.ceil(work / target) + 1


@given(st.floats(0, 1000), st.floats(0.1, 100))
def test_tracking_makes_nothing_of_nothing(metric: float, target: float) -> None:
    assert tracked(0, metric, target) == 0
