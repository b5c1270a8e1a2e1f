"""What Argo Rollouts measures of a candidate before each further step: the metrics of the gate, while it
runs."""

from collections.abc import Mapping, Sequence
from typing import Any, NotRequired, TypedDict

from agent_hosting._kubernetes import Document
from agent_hosting._rollout_watch import NAMESPACE
from agent_hosting._validation import Inputs
from agent_runtime.rollout.gates import DEFAULTS, Threshold

_INTERVAL_SECONDS = 300
METRICS = ("task_success", "grounding", "tool_call_accuracy", "p95_latency_ms", "cost_per_run_usd")


class AnalysisArgs(TypedDict):
    provider: NotRequired[str]
    """`cloudwatch`, where the runtime's metrics are, or `prometheus`. Defaults to cloudwatch."""
    address: NotRequired[str]
    """Address of Prometheus. Needed for it."""
    queries: NotRequired[dict[str, str]]
    """Query of Prometheus by metric of the gate. `{{args.bundle}}` stands for the candidate."""
    templates: NotRequired[Sequence[str]]
    """Names of AnalysisTemplates of your own in the namespace, judged beside ours. Defaults to none."""


def check_analysis(given: Any, inputs: Inputs) -> AnalysisArgs:
    """Raises `InputError` naming what is wrong."""
    if given is None:
        return {}
    inside = inputs.inside("analysis")
    inside.known(AnalysisArgs.__annotations__)
    inside.lists("templates")
    provider = given.get("provider", "cloudwatch")
    if provider not in ("cloudwatch", "prometheus"):
        raise inside.refuse("provider", provider, "it is one of cloudwatch, prometheus", "Omit it.")
    if provider == "prometheus":
        inside.required("address", "Say where Prometheus is, such as http://prometheus.monitoring:9090.")
        queries = inside.required("queries", f"Give one for each metric that counts: {', '.join(METRICS)}.")
        for metric in queries:
            if metric not in METRICS:
                raise inside.refuse(
                    f"queries.{metric}", queries[metric], f"it is one of {', '.join(METRICS)}", "Drop it."
                )
    elif given.get("queries") or given.get("address"):
        raise inside.refuse(
            "queries", "…", "only Prometheus is asked by queries", "Say provider: prometheus."
        )
    return given


def template(
    agent: str, metadata: Document, analysis: AnalysisArgs, thresholds: Mapping[str, Threshold]
) -> Document:
    """One metric for each threshold that is known how to measure. What was not measured is inconclusive, and
    pauses the rollout: it is never a pass."""
    queries = analysis.get("queries", {})
    by_prometheus = analysis.get("provider") == "prometheus"
    measured = [name for name in METRICS if name in thresholds and (not by_prometheus or name in queries)]
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "AnalysisTemplate",
        "metadata": metadata,
        "spec": {
            "args": [{"name": "bundle"}],
            "metrics": [
                {
                    "name": name.replace("_", "-"),
                    "interval": f"{_INTERVAL_SECONDS}s",
                    "initialDelay": f"{_INTERVAL_SECONDS}s",
                    "failureLimit": 0,
                    "inconclusiveLimit": 3,
                    **_conditions(thresholds[name], "result[0]" if by_prometheus else "result[0].Values[0]"),
                    "provider": (
                        {"prometheus": {"address": analysis.get("address"), "query": queries[name]}}
                        if by_prometheus
                        else {"cloudWatch": _cloudwatch(agent, name)}
                    ),
                }
                for name in measured
            ],
        },
    }


def thresholds_of(rollout: Mapping[str, Any]) -> dict[str, Threshold]:
    """The gate of `RolloutArgs`, or the defaults."""
    given = rollout.get("thresholds")
    return {name: Threshold(**held) for name, held in given.items()} if given else dict(DEFAULTS)


def _conditions(threshold: Threshold, value: str) -> Document:
    """Neither holds where there is no number."""
    there = "len(result) > 0 && len(result[0].Values) > 0" if "Values" in value else "len(result) > 0"
    if threshold.at_least is not None:
        good, bad = f"{value} >= {threshold.at_least!r}", f"{value} < {threshold.at_least!r}"
    else:
        good, bad = f"{value} <= {threshold.at_most!r}", f"{value} > {threshold.at_most!r}"
    return {"successCondition": f"{there} && {good}", "failureCondition": f"{there} && {bad}"}


def _cloudwatch(agent: str, metric: str) -> Document:
    """Metric math over what the runtime prints:
    https://argo-rollouts.readthedocs.io/en/stable/analysis/cloudwatch/"""
    asked: Mapping[str, tuple[str, Sequence[tuple[str, str, str]]]] = {
        "task_success": ("1 - (b / a)", (("a", "Runs", "Sum"), ("b", "RunErrors", "Sum"))),
        "grounding": ("a", (("a", "Score_grounding", "Average"),)),
        "tool_call_accuracy": ("1 - (b / a)", (("a", "ToolCalls", "Sum"), ("b", "ToolErrors", "Sum"))),
        "p95_latency_ms": ("a", (("a", "DurationMs", "p95"),)),
        "cost_per_run_usd": ("b / a", (("a", "Runs", "Sum"), ("b", "SpendUsd", "Sum"))),
    }
    expression, parts = asked[metric]
    dimensions = [{"name": "agent", "value": agent}, {"name": "bundle", "value": "{{args.bundle}}"}]
    queries: list[Document] = [{"id": "rate", "expression": expression, "returnData": True}]
    queries += [
        {
            "id": part,
            "returnData": False,
            "metricStat": {
                "metric": {"namespace": NAMESPACE, "metricName": name, "dimensions": dimensions},
                "period": _INTERVAL_SECONDS,
                "stat": stat,
            },
        }
        for part, name, stat in parts
    ]
    return {"interval": f"{2 * _INTERVAL_SECONDS}s", "metricDataQueries": queries}
