"""Drift as CloudWatch's numbers show it, and what is told of it."""

import io
import json
import logging
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from moto import mock_aws

from agent_runtime.metrics import RunFigures, metrics_line
from agent_runtime.records import Usage
from agent_runtime.rollout.drift import Verdict
from agent_runtime.rollout.drift_watch import measured_drift, tell_of_drift
from agent_runtime.rollout.record import Record
from agent_runtime.rollout.store import State
from agent_runtime.traces import RunTrace
from agent_runtime.turns import MemoryFigures
from embedded_aws.moto_gaps import cloudwatch
from embedded_aws.patches import replace as patched
from tests.rollout.samples import AGENT, NOW, A, B, canary, plan, watched
from tests.runtime.faulty import FaultyClient

BEGAN = NOW / 1000
HOUR = 3_600
GOOD = RunFigures(
    Usage(900, 100, 0.1, 1),
    tokens=1_000,
    trace=RunTrace(tool_calls=3, context_utilisation=0.125, quality=1.0),
)
ASKS = RunFigures(escalated=True, trace=RunTrace(escalated_after_ms=20_000))


class World:
    """One agent whose release B serves everyone since `BEGAN`; its window is an hour."""

    def __init__(self, client: Any) -> None:
        self.client = client
        self.faulty = FaultyClient(client)
        self.out = io.StringIO()
        self.state = State(plan(drift_window_seconds=HOUR), watched(since=NOW))
        self.is_broken = False

    def read(self, _agent: str) -> State:
        if self.is_broken:
            raise RuntimeError("the table is gone")
        return self.state

    def ran(self, figures: RunFigures, times: int, hours: float, bundle_id: str = B) -> None:
        """`times` runs that many hours after the release took every run."""
        at = BEGAN + hours * HOUR
        line = json.loads(metrics_line(agent=AGENT, bundle_id=bundle_id, run_id="r", figures=figures, now=at))
        (directive,) = line["_aws"]["CloudWatchMetrics"]
        dimensions = [{"Name": name, "Value": line[name]} for name in ("agent", "bundle")]
        data = [
            {
                "MetricName": metric["Name"],
                "Dimensions": dimensions,
                "Timestamp": datetime.fromtimestamp(at, UTC),
                "Value": line[metric["Name"]],
            }
            for metric in directive["Metrics"]
        ]
        for _ in range(times):
            self.client.put_metric_data(Namespace=directive["Namespace"], MetricData=data)

    def verdicts(self, hours: float = 5.5) -> dict[str, Verdict]:
        found = measured_drift(self.faulty, self.state, BEGAN + hours * HOUR)
        return {drift.metric: drift.verdict for drift in found}

    def tell(self, hours: float = 5.5) -> list[dict[str, Any]]:
        tell_of_drift(self, self.faulty, AGENT, BEGAN + hours * HOUR, self.out)  # type: ignore[arg-type]
        return [json.loads(line) for line in self.out.getvalue().splitlines()]


@pytest.fixture
def world() -> Iterator[World]:
    undo = patched(cloudwatch.replacements())
    with mock_aws():
        session = boto3.session.Session("testing", "testing", region_name="us-east-1")
        yield World(session.client("cloudwatch"))
    undo()


@pytest.fixture
def two_windows(world: World) -> World:
    """The first hour, and the one before five and a half hours, are alike."""
    for hours in (0.25, 5):
        world.ran(GOOD, 100, hours)
        world.ran(ASKS, 30, hours)
    return world


def test_two_windows_that_are_alike_are_steady_in_all_six(two_windows: World) -> None:
    assert set(two_windows.verdicts().values()) == {Verdict.STEADY}
    assert len(two_windows.verdicts()) == 6


@pytest.mark.parametrize(
    ("worse", "metric"),
    [
        (replace(GOOD, failed=True), "task_completion"),
        (replace(GOOD, tokens=9_000), "p95_tokens_per_task"),
        (replace(GOOD, trace=replace(GOOD.trace, tool_errors=3)), "tool_success"),
        (replace(GOOD, trace=replace(GOOD.trace, context_utilisation=1.0)), "context_utilisation"),
        (replace(GOOD, trace=replace(GOOD.trace, quality=0.25)), "trace_quality"),
        (replace(ASKS, trace=RunTrace(escalated_after_ms=90_000)), "time_to_escalation_ms"),
    ],
)
def test_what_the_last_runs_did_worse_is_found_and_told_with_its_name(
    two_windows: World, worse: RunFigures, metric: str, caplog: pytest.LogCaptureFixture
) -> None:
    two_windows.ran(worse, 60, 5.25)
    assert [name for name, found in two_windows.verdicts().items() if found is Verdict.DRIFTED] == [metric]
    with caplog.at_level(logging.INFO, "agent_runtime"):
        (line,) = two_windows.tell()
    assert (line["DriftedMetrics"], line["agent"]) == (1, AGENT)
    (directive,) = line["_aws"]["CloudWatchMetrics"]
    assert (directive["Namespace"], directive["Dimensions"]) == ("AgentHosting", [["agent"]])
    (logged,) = [record for record in caplog.records if record.message == "drift"]
    assert list(vars(logged)["drifted"]) == [metric]


def test_a_release_without_drift_says_so(two_windows: World) -> None:
    assert [line["DriftedMetrics"] for line in two_windows.tell()] == [0]


def test_of_what_is_not_known_no_number_is_told(world: World, caplog: pytest.LogCaptureFixture) -> None:
    world.ran(GOOD, 5, 0.25)
    with caplog.at_level(logging.INFO, "agent_runtime"):
        assert world.tell() == []
    (logged,) = [record for record in caplog.records if record.message == "drift"]
    assert len(vars(logged)["unknown"]) == 6


def test_metrics_that_are_missing_leave_the_others_known(world: World) -> None:
    """Such as those of an agent that calls no model and asks nobody."""
    plain = RunFigures(trace=RunTrace(tool_calls=1, quality=1.0))
    for hours in (0.25, 5):
        world.ran(plain, 40, hours)
    known = {name for name, found in world.verdicts().items() if found is not Verdict.UNKNOWN}
    assert known == {"task_completion", "tool_success", "trace_quality"}


@pytest.mark.parametrize("record", [canary(), Record(B), watched(since=NOW + 5 * HOUR * 1000)])
def test_outside_of_the_watch_and_before_the_first_window_is_over_nothing_is_measured(
    two_windows: World, record: Record
) -> None:
    two_windows.state = replace(two_windows.state, record=record)
    two_windows.faulty.lost["get_metric_data"] = 99
    assert two_windows.tell() == []
    assert two_windows.faulty.lost["get_metric_data"] == 99


def test_between_two_measurements_nothing_is_read(two_windows: World) -> None:
    assert two_windows.tell(5 + 1 / 60) == []  # an hour is looked at every other minute


def test_where_metrics_cannot_be_read_all_is_unknown_and_nothing_is_told(two_windows: World) -> None:
    two_windows.faulty.lost["get_metric_data"] = 4
    assert two_windows.tell() == []


def test_what_goes_wrong_is_no_error_of_the_controller(
    two_windows: World, caplog: pytest.LogCaptureFixture
) -> None:
    two_windows.is_broken = True
    assert two_windows.tell() == []
    assert "drift not measured" in caplog.text


def changed(gained: int, churn: float) -> RunFigures:
    return replace(
        GOOD, memory=MemoryFigures(bytes=2_000, gained_bytes=gained, keys=10, changed=churn, contested=0)
    )


def verdicts_of_memory(world: World) -> dict[str, Verdict]:
    found = measured_drift(world.client, world.state, BEGAN + 3 * HOUR)
    return {drift.metric: drift.verdict for drift in found if drift.metric.startswith("memory")}


def test_a_release_that_bloats_the_memories_drifts_from_the_release_before(world: World) -> None:
    world.state = replace(world.state, record=replace(world.state.record, previous=A))
    for gained in (90, 110):
        world.ran(changed(gained, 0.1), 50, hours=-0.5, bundle_id=A)
    for gained in (900, 1_100):
        world.ran(changed(gained, 0.1), 50, hours=2.5)
    assert verdicts_of_memory(world) == {
        "memory_growth_bytes": Verdict.DRIFTED,
        "memory_churn": Verdict.STEADY,
    }


def test_a_release_that_rewrites_the_memories_drifts_and_one_that_shrinks_them_does_not(world: World) -> None:
    world.state = replace(world.state, record=replace(world.state.record, previous=A))
    world.ran(changed(100, 0.1), 100, hours=-0.5, bundle_id=A)
    world.ran(changed(-100, 0.9), 100, hours=2.5)
    assert verdicts_of_memory(world) == {
        "memory_growth_bytes": Verdict.STEADY,
        "memory_churn": Verdict.DRIFTED,
    }


def test_of_an_agent_without_memory_and_of_a_release_without_one_before_nothing_is_said(world: World) -> None:
    world.state = replace(world.state, record=replace(world.state.record, previous=A))
    world.ran(GOOD, 100, hours=2.5)
    assert verdicts_of_memory(world) == {}
    world.ran(changed(100, 0.1), 100, hours=2.5)
    assert set(verdicts_of_memory(world).values()) == {Verdict.UNKNOWN}, "it had none, or too few"
    world.state = replace(world.state, record=replace(world.state.record, previous=None))
    assert verdicts_of_memory(world) == {}
