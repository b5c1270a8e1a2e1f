"""For whom the figures of a run are told: each dimension costs money."""

import json
from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from agent_runtime.metrics import FEW, RunFigures, Told, metrics_line
from agent_runtime.records import Usage
from agent_runtime.scores import MOST_SCORES
from agent_runtime.traces import RunTrace
from agent_runtime.turns import MemoryFigures

UNITS = {"Bytes", "Count", "Milliseconds", "None"}
"""Of those that CloudWatch knows; another spelling would lose the metric."""

FIGURES = RunFigures(
    spent=Usage(10, 2, 0.01, 1),
    duration_ms=5.0,
    tokens=12,
    scores={"grounding": 0.9},
    trace=RunTrace(tool_calls=2, tool_errors=1, context_utilisation=0.5, quality=1.0, escalated_after_ms=700),
)


def line(told: Told, tenant: str = "acme", figures: RunFigures = FIGURES) -> dict[str, Any]:
    named = {"agent": "answers", "bundle_id": "b", "run_id": "r"}
    return json.loads(metrics_line(**named, figures=figures, now=1.0, tenant=tenant, told=told))


def directives(found: dict[str, Any]) -> list[tuple[list[list[str]], set[str]]]:
    return [
        (held["Dimensions"], {metric["Name"] for metric in held["Metrics"]})
        for held in found["_aws"]["CloudWatchMetrics"]
    ]


def test_without_a_word_metrics_are_those_of_the_agent_and_its_release() -> None:
    found = line(Told())
    assert [dimensions for dimensions, _ in directives(found)] == [[["agent"], ["agent", "bundle"]]]
    assert found["tenant"] == "acme"  # a field to search for, which costs nothing


def test_the_host_and_declared_tenants_get_few_figures_and_no_squares_or_scores() -> None:
    whole, few = directives(line(Told("ecs", by_tenant=True)))
    assert few == ([["host"], ["agent", "tenant"]], set(FEW))
    assert whole[1] > few[1]
    assert directives(line(Told("ecs")))[1][0] == [["host"]]
    assert directives(line(Told("", by_tenant=True)))[1][0] == [["agent", "tenant"]]


@given(st.sampled_from(["", "lambda", "ecs", "eks"]), st.booleans(), st.sampled_from(["", "acme"]))
def test_each_dimension_and_metric_that_is_named_has_its_value_in_the_line(
    host: str, by_tenant: bool, tenant: str
) -> None:
    found = line(Told(host, by_tenant), tenant)
    for sets, metrics in directives(found):
        assert sets
        assert all(found[name] for dimensions in sets for name in dimensions)
        assert all(name in found for name in metrics)


def test_the_longest_line_is_within_the_limits_of_the_format() -> None:
    """https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html"""
    most = replace(
        FIGURES,
        escalated=True,
        scores={f"{'s' * 60}{n}": 1.0 for n in range(MOST_SCORES)},
        trace=replace(FIGURES.trace, tool_refusals=1),
        memory=MemoryFigures(bytes=1, gained_bytes=1, keys=1, changed=0.5, contested=1),
    )
    found = line(Told("ecs", by_tenant=True), figures=most)
    assert len(json.dumps(found)) < 256 * 1024
    for directive in found["_aws"]["CloudWatchMetrics"]:
        assert 1 <= len(directive["Namespace"]) <= 1024
        assert all(1 <= len(dimensions) <= 30 for dimensions in directive["Dimensions"])
        assert 1 <= len(directive["Metrics"]) <= 100
        assert {metric["Unit"] for metric in directive["Metrics"]} <= UNITS
        assert all(1 <= len(metric["Name"]) <= 1024 for metric in directive["Metrics"])
        assert all(isinstance(found[metric["Name"]], float | int) for metric in directive["Metrics"])


def test_a_copy_of_a_run_is_told_to_no_host_and_tenant() -> None:
    copied = RunFigures(agreement=0.5)
    assert len(directives(line(Told("ecs", by_tenant=True), figures=copied))) == 1
