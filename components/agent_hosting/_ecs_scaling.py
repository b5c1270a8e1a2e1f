"""How many workers a release has: by the runs that are on their way through its queue.

Runs in work count as well as those that wait. A run holds its message until it ends; counting only those that
wait would call a fleet idle that is busy with long runs, and take workers away from them.
"""

from typing import Any

import pulumi
import pulumi_aws as aws

_WAITING, _IN_WORK = "ApproximateNumberOfMessagesVisible", "ApproximateNumberOfMessagesNotVisible"
# A queue that rests sends no metrics; nor does a service whose numbers have not come in yet.
RUNS = "FILL(waiting, 0) + FILL(in_work, 0)"
RUNS_PER_WORKER = f"({RUNS}) / IF(FILL(workers, 0) > 1, workers, 1)"
NOBODY_WORKS = f"IF(({RUNS}) > 0 AND FILL(workers, 0) < 1, 1, 0)"
_SCALE_IN_SECONDS, _SCALE_OUT_SECONDS = 300, 60


def scale(
    name: str,
    *,
    cluster_name: pulumi.Input[str],
    service_name: pulumi.Input[str],
    queue_name: pulumi.Input[str],
    least: pulumi.Input[int],
    most: int,
    runs_per_worker: float,
    tags: Any,
    parent: pulumi.Resource,
) -> None:
    """Holds `runs_per_worker`, between `least` workers and `most`."""
    child = pulumi.ResourceOptions(parent=parent)
    target = aws.appautoscaling.Target(
        name,
        service_namespace="ecs",
        resource_id=pulumi.Output.concat("service/", cluster_name, "/", service_name),
        scalable_dimension="ecs:service:DesiredCount",
        min_capacity=least,
        max_capacity=most,
        tags=tags,
        opts=child,
    )
    place: Any = {
        "service_namespace": target.service_namespace,
        "resource_id": target.resource_id,
        "scalable_dimension": target.scalable_dimension,
        "opts": child,
    }
    of_queue = [("QueueName", queue_name)]
    of_service = [("ClusterName", cluster_name), ("ServiceName", service_name)]
    metrics: list[tuple[str, str, str, Any]] = [
        ("waiting", "AWS/SQS", _WAITING, of_queue),
        ("in_work", "AWS/SQS", _IN_WORK, of_queue),
        ("workers", "ECS/ContainerInsights", "RunningTaskCount", of_service),
    ]
    aws.appautoscaling.Policy(
        f"{name}-backlog",
        policy_type="TargetTrackingScaling",
        target_tracking_scaling_policy_configuration={
            "target_value": runs_per_worker,
            "scale_in_cooldown": _SCALE_IN_SECONDS,
            "scale_out_cooldown": _SCALE_OUT_SECONDS,
            "customized_metric_specification": {
                "metrics": [_tracked(*metric) for metric in metrics]
                + [{"id": "backlog", "expression": RUNS_PER_WORKER, "return_data": True}]
            },
        },
        **place,
    )
    # Target tracking multiplies the capacity that is there, and nothing times anything is nothing: a service
    # that may rest at zero needs a step to leave it. Every release has it, since a candidate becomes stable
    # by a write to the traffic record, without a deployment. As AWS describes it for another service:
    # https://docs.aws.amazon.com/sagemaker/latest/dg/endpoint-auto-scaling-zero-instances.html
    wake = aws.appautoscaling.Policy(
        f"{name}-wake",
        policy_type="StepScaling",
        step_scaling_policy_configuration={
            "adjustment_type": "ChangeInCapacity",
            "cooldown": _SCALE_OUT_SECONDS,
            "metric_aggregation_type": "Maximum",
            "step_adjustments": [{"metric_interval_lower_bound": "0", "scaling_adjustment": 1}],
        },
        **place,
    )
    aws.cloudwatch.MetricAlarm(
        f"{name}-asleep",
        alarm_description=f"Runs wait for {name}, which has no worker: one is started.",
        metric_queries=[
            {
                "id": "asleep",
                "expression": NOBODY_WORKS,
                "label": "runs without a worker",
                "return_data": True,
            },
            *(_watched(*metric) for metric in metrics),
        ],
        comparison_operator="GreaterThanOrEqualToThreshold",
        threshold=1,
        evaluation_periods=1,
        treat_missing_data="notBreaching",
        alarm_actions=[wake.arn],
        tags=tags,
        opts=child,
    )


def _tracked(label: str, namespace: str, metric: str, dimensions: list[tuple[str, Any]]) -> Any:
    named = [{"name": key, "value": value} for key, value in dimensions]
    read = {"namespace": namespace, "metric_name": metric, "dimensions": named}
    return {"id": label, "metric_stat": {"metric": read, "stat": "Average"}, "return_data": False}


def _watched(label: str, namespace: str, metric: str, dimensions: list[tuple[str, Any]]) -> Any:
    read = {"namespace": namespace, "metric_name": metric, "dimensions": dict(dimensions)}
    return {"id": label, "metric": {**read, "period": 60, "stat": "Average"}, "return_data": False}
