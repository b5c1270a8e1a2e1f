"""Services follow their scaling policies: tracking, steps, limits and cooldowns."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.embedded.further_services import client
from tests.embedded.scaling_world import PLACE, VISIBLE, Scaled, backlog, limit, queue_metric, scaled_service
from tests.embedded.tasks_world import WAITS, tasks_world


@pytest.fixture
def scaled() -> Iterator[Scaled]:
    with scaled_service() as made:
        yield made


def test_tracking_scales_out_in_proportion_to_the_metric(scaled: Scaled) -> None:
    scaled.track(5)
    scaled.start_at(2)
    scaled.send(11)
    assert scaled.after(1) == 5


def test_tracking_goes_no_further_than_the_limits(scaled: Scaled) -> None:
    limit(2, 3)
    scaled.track(5, ScaleInCooldown=0)
    scaled.start_at(2)
    scaled.send(50)
    assert scaled.after(1) == 3
    scaled.empty()
    assert scaled.after(1) == 2


def test_tracking_does_not_start_the_first_task(scaled: Scaled) -> None:
    scaled.track(5)
    scaled.send(50)
    assert scaled.after(1) == 0


def test_a_step_policy_starts_the_first_task(scaled: Scaled) -> None:
    scaled.step()
    assert scaled.after(1) == 0
    scaled.send(1)
    assert scaled.after(1) == 1


def test_while_a_step_cools_down_what_it_added_counts_as_part_of_the_next(scaled: Scaled) -> None:
    bounds: Any = [
        {"MetricIntervalLowerBound": 0, "MetricIntervalUpperBound": 4, "ScalingAdjustment": 2},
        {"MetricIntervalLowerBound": 4, "ScalingAdjustment": 3},
    ]
    scaled.step(StepAdjustments=bounds)
    scaled.send(1)
    assert [scaled.after(1), scaled.after(1)] == [2, 2]
    scaled.send(5)
    assert scaled.after(1) == 3
    assert scaled.after(61) == 6


def test_tracking_scales_in_only_after_its_cooldown(scaled: Scaled) -> None:
    scaled.track(5, ScaleInCooldown=120)
    scaled.start_at(2)
    scaled.send(10)
    assert scaled.after(1) == 4
    scaled.empty()
    assert [scaled.after(119), scaled.after(1)] == [4, 0]


def test_cooldowns_are_five_minutes_where_nothing_else_is_said(scaled: Scaled) -> None:
    scaled.track(5)
    scaled.start_at(2)
    scaled.send(10)
    assert scaled.after(1) == 4
    assert scaled.after(299) == 4
    scaled.empty()
    assert scaled.after(1) == 0


def test_tracking_that_may_not_scale_in_leaves_it_to_another(scaled: Scaled) -> None:
    scaled.track(5, DisableScaleIn=True)
    scaled.start_at(4)
    assert scaled.after(1000) == 4


def test_the_policy_with_the_largest_capacity_wins(scaled: Scaled) -> None:
    scaled.track(5, "large", ScaleInCooldown=0)
    scaled.track(20, "small", ScaleInCooldown=0)
    scaled.start_at(2)
    scaled.send(10)
    assert scaled.after(1) == 4


def test_a_suspended_direction_is_not_taken(scaled: Scaled) -> None:
    limit(
        0,
        10,
        SuspendedState={
            "DynamicScalingOutSuspended": True,
            "DynamicScalingInSuspended": False,
            "ScheduledScalingSuspended": False,
        },
    )
    scaled.track(5, ScaleInCooldown=0)
    scaled.start_at(2)
    scaled.send(50)
    assert scaled.after(1) == 2
    scaled.empty()
    assert scaled.after(1) == 0


def test_metric_math_sees_the_queue_and_the_service(scaled: Scaled) -> None:
    scaled.track(5, CustomizedMetricSpecification=backlog("visible / MAX([running, 1])"))
    scaled.start_at(2)
    scaled.send(20)
    assert scaled.after(1) == 4


def test_a_backlog_for_each_of_no_tasks_is_no_data_and_changes_nothing(scaled: Scaled) -> None:
    scaled.track(5, CustomizedMetricSpecification=backlog("visible / running"))
    scaled.send(20)
    assert scaled.after(1) == 0
    assert scaled.log == []


def test_an_alarm_of_metric_math_starts_the_first_task_and_no_other(scaled: Scaled) -> None:
    scaled.step()
    client("cloudwatch").put_metric_alarm(
        AlarmName="step",
        AlarmActions=client("cloudwatch").describe_alarms()["MetricAlarms"][0]["AlarmActions"],
        ComparisonOperator="GreaterThanOrEqualToThreshold",
        Threshold=1,
        EvaluationPeriods=1,
        Metrics=backlog("IF(visible > 0 AND FILL(running, 0) < 1, 1, 0)", Period=60)["Metrics"],
    )
    assert scaled.after(1) == 0
    scaled.send(3)
    assert [scaled.after(1), scaled.after(61)] == [1, 1]


def test_a_metric_without_data_scales_nothing_in(scaled: Scaled) -> None:
    unknown = {**queue_metric(), "Dimensions": [{"Name": "QueueName", "Value": "gone"}]}
    scaled.track(5, CustomizedMetricSpecification=unknown, ScaleInCooldown=0)
    scaled.start_at(3)
    assert scaled.after(1) == 3


def test_a_metric_that_was_put_is_taken_from_its_last_minute(scaled: Scaled) -> None:
    own = {"Namespace": "Agents", "MetricName": "Load", "Dimensions": [], "Statistic": "Maximum"}
    scaled.track(10, CustomizedMetricSpecification=own)
    scaled.start_at(1)
    data: Any = [
        {"MetricName": "Load", "Value": value, "Timestamp": scaled.now - age}
        for value, age in ((90, 61), (20, 30), (40, 20))
    ]
    client("cloudwatch").put_metric_data(Namespace="Agents", MetricData=data)
    assert scaled.after(1) == 4


def test_what_cannot_be_evaluated_is_said_once_and_stops_no_other(scaled: Scaled) -> None:
    scaled.track(5, "bad", CustomizedMetricSpecification=backlog("ANOMALY_DETECTION_BAND(visible)"))
    scaled.step()
    scaled.send(1)
    assert [scaled.after(1), scaled.after(1)] == [1, 1]
    assert len([line for line in scaled.log if "ANOMALY_DETECTION_BAND" in line]) == 1


def test_a_message_in_the_queue_makes_a_task_run(tmp_path: Path) -> None:
    with tasks_world(tmp_path) as world:
        service = world.service(world.definition(world.image(WAITS)), 0)
        resource = f"service/{service.cluster}/{service.name}"
        scaling, name = world.client("application-autoscaling"), service.cluster
        scaling.register_scalable_target(ResourceId=resource, MinCapacity=0, MaxCapacity=2, **PLACE)
        step = {"MetricIntervalLowerBound": 0, "ScalingAdjustment": 1}
        arn = scaling.put_scaling_policy(
            PolicyName="first",
            PolicyType="StepScaling",
            ResourceId=resource,
            StepScalingPolicyConfiguration={"AdjustmentType": "ChangeInCapacity", "StepAdjustments": [step]},
            **PLACE,
        )["PolicyARN"]
        url = world.client("sqs").create_queue(QueueName=name)["QueueUrl"]
        world.client("cloudwatch").put_metric_alarm(
            AlarmName=name,
            AlarmActions=[arn],
            ComparisonOperator="GreaterThanThreshold",
            Threshold=0,
            EvaluationPeriods=1,
            Period=60,
            Namespace="AWS/SQS",
            MetricName=VISIBLE,
            Dimensions=[{"Name": "QueueName", "Value": name}],
            Statistic="Maximum",
        )
        world.client("sqs").send_message(QueueUrl=url, MessageBody="run")
        service.running(1)
