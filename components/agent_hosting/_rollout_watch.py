"""Alarms on the newest release's own numbers: in those of the whole agent its 5 % would drown."""

from collections.abc import Mapping
from typing import Any

import pulumi
import pulumi_aws as aws

from agent_hosting._tags import of_release
from agent_runtime.rollout.drift import interval_seconds
from agent_runtime.rollout.plan import Plan

NAMESPACE = "AgentHosting"
"""Of the metrics that the runtime prints."""


def watch(
    name: str,
    plan: Plan,
    function: aws.lambda_.Function,
    tags: Any,
    parent: pulumi.Resource,
    version: Mapping[str, pulumi.Input[str]] | None = None,
) -> list[aws.cloudwatch.MetricAlarm]:
    """One alarm for each limit of the plan; each calls the controller at once. `version` has the dimensions
    of the newest release in Lambda's own metrics: a process that dies prints none of ours.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-actions-Lambda.html
    """
    limits, newest = plan.limits, plan.releases[-1]
    rates = {
        "errors": ("RunErrors", 100 * limits.error_rate, "of its runs failed, in %"),
        "escalations": ("Escalations", 100 * limits.escalation_rate, "of its runs asked a person, in %"),
    }
    means = {
        "latency": ("DurationMs", limits.mean_latency_ms, "milliseconds a run takes"),
        "cost": ("SpendUsd", limits.cost_per_run_usd, "US dollars a run costs"),
    }
    printed = {
        kind: (limit, what, "100 * " if kind in rates else "", [
            _sum("total", metric, plan.agent, newest, limits.window_seconds),
            _sum("runs", "Runs", plan.agent, newest, limits.window_seconds),
        ])
        for kind, (metric, limit, what) in {**rates, **means}.items()
    }  # fmt: skip
    if version is not None:
        counted = [
            {"id": query, "metric": {"namespace": "AWS/Lambda", "metric_name": metric, "stat": "Sum",
             "dimensions": version, "period": limits.window_seconds}, "return_data": False}
            for query, metric in (("total", "Errors"), ("runs", "Invocations"))
        ]  # fmt: skip
        crashed = (100 * limits.error_rate, "of its calls ended without an answer, in %", "100 * ", counted)
        printed["crashes"] = crashed
    found: list[aws.cloudwatch.MetricAlarm] = []
    for kind, (limit, what, scale, queries) in printed.items():
        alarm = aws.cloudwatch.MetricAlarm(
            f"{name}-{kind}",
            alarm_description=f"More than {limit:g}: {what}. The newest release goes back.",
            metric_queries=[
                {
                    "id": "measured",
                    # A few runs say nothing: one error in two of them would be half.
                    "expression": f"IF(runs >= {limits.minimum_runs}, {scale}total / runs, 0)",
                    "label": kind,
                    "return_data": True,
                },
                *queries,
            ],
            comparison_operator="GreaterThanThreshold",
            threshold=limit,
            evaluation_periods=1,
            treat_missing_data="notBreaching",  # a candidate at weight 0 has no runs
            alarm_actions=[function.arn],
            tags=of_release(tags, newest),
            opts=pulumi.ResourceOptions(parent=parent),
        )
        aws.lambda_.Permission(
            f"{name}-{kind}-permission",
            function=function.name,
            action="lambda:InvokeFunction",
            principal="lambda.alarms.cloudwatch.amazonaws.com",
            source_arn=alarm.arn,
            opts=pulumi.ResourceOptions(parent=parent),
        )
        found.append(alarm)
    return found


def watch_drift(
    name: str, plan: Plan, topic_arn: pulumi.Input[str], tags: Any, parent: pulumi.Resource
) -> aws.cloudwatch.MetricAlarm:
    """One alarm for the whole agent, which tells people: what drifts does not go back by itself, since the
    release before would meet the same world."""
    return aws.cloudwatch.MetricAlarm(
        f"{name}-drift",
        alarm_description=(
            f"The release of {plan.agent} that serves everyone is no longer what it was on its first day. "
            f"The controller's log names the metrics."
        ),
        namespace=NAMESPACE,
        metric_name="DriftedMetrics",
        dimensions={"agent": plan.agent},
        statistic="Maximum",
        # Twice the time between two measurements: one that comes late must not look like an end of it.
        period=2 * interval_seconds(plan.drift_window_seconds),
        evaluation_periods=1,
        threshold=1,
        comparison_operator="GreaterThanOrEqualToThreshold",
        treat_missing_data="notBreaching",  # outside of the watch nothing is measured
        alarm_actions=[topic_arn],
        tags=tags,
        opts=pulumi.ResourceOptions(parent=parent),
    )


def _sum(query_id: str, metric: str, agent: str, bundle_id: str, seconds: int) -> Any:
    dimensions = {"agent": agent, "bundle": bundle_id}
    held = {"namespace": NAMESPACE, "metric_name": metric, "dimensions": dimensions, "stat": "Sum"}
    return {"id": query_id, "metric": {**held, "period": seconds}, "return_data": False}
