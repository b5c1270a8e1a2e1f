"""What CloudWatch says of a release, from the lines that its runs print."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import boto3
import pytest
from moto import mock_aws

from agent_runtime.metrics import RunFigures, metrics_line
from agent_runtime.records import Usage
from agent_runtime.rollout.comparing import Amounts
from agent_runtime.rollout.measuring import Metrics, alarming
from agent_runtime.rollout.observation import Observation, Seen, Shadowed
from agent_runtime.rollout.observing import observe
from agent_runtime.rollout.record import Record
from agent_runtime.rollout.store import State
from tests.rollout.samples import AGENT, NOW, A, B, canary, evidence, plan, shadowed, watched
from tests.runtime.faulty import FaultyClient

T = NOW / 1000
"""A full minute."""
NOBODY: Any = None
"""Of a plan without a group no other record is read."""
BAD = RunFigures(Usage(100, 10, 0.5), failed=True, duration_ms=3_000)
ASKS = RunFigures(Usage(100, 10, 0.25), escalated=True, duration_ms=1_000)
SLEEPS = RunFigures(Usage(100, 10, 0.125), counts=False, duration_ms=9_000)


def done(**scores: float) -> RunFigures:
    return RunFigures(Usage(100, 10, 0.5), duration_ms=2_000, scores=scores)


class World:
    """`print_line` gives CloudWatch what it takes out of a run's line."""

    def __init__(self, client: Any) -> None:
        self.client = client
        self.faulty = FaultyClient(client)

    def print_line(self, figures: RunFigures, at: float, bundle_id: str = B, agent: str = AGENT) -> None:
        line = json.loads(metrics_line(agent=agent, bundle_id=bundle_id, run_id="r", figures=figures, now=at))
        for directive in line["_aws"]["CloudWatchMetrics"]:
            for names in directive["Dimensions"]:
                data = [
                    {
                        "MetricName": metric["Name"],
                        "Dimensions": [{"Name": name, "Value": line[name]} for name in names],
                        "Timestamp": line["_aws"]["Timestamp"] / 1000,
                        "Value": line[metric["Name"]],
                        "Unit": metric["Unit"],
                    }
                    for metric in directive["Metrics"]
                ]
                self.client.put_metric_data(Namespace=directive["Namespace"], MetricData=data)

    def alarm(self, name: str, state: str) -> None:
        self.client.put_metric_alarm(
            AlarmName=name,
            MetricName="RunErrors",
            Namespace="AgentHosting",
            Period=60,
            EvaluationPeriods=1,
            Threshold=1,
            ComparisonOperator="GreaterThanThreshold",
            Statistic="Sum",
        )
        self.client.set_alarm_state(AlarmName=name, StateValue=state, StateReason="a test says so")

    def seen(self, since: float = T, now: float = T + 600, scores: tuple[str, ...] = ()) -> Seen | None:
        return Metrics(self.faulty, AGENT, scores).seen(B, since, now)


@pytest.fixture
def world() -> Iterator[World]:
    with mock_aws():
        session = boto3.session.Session("testing", "testing", region_name="us-east-1")
        yield World(session.client("cloudwatch"))


def test_the_runs_of_all_minutes_are_summed(world: World) -> None:
    for figures, at in ((done(), T + 1), (done(), T + 2), (BAD, T + 70), (ASKS, T + 500)):
        world.print_line(figures, at)
    assert world.seen() == Seen(
        runs=4,
        errors=1,
        escalations=1,
        latency_ms=Amounts(4, 8_000, 18_000_000),
        cost_usd=Amounts(4, 1.75, 0.8125),
    )


def test_a_run_that_only_sleeps_costs_and_does_not_count(world: World) -> None:
    world.print_line(SLEEPS, T + 1)
    world.print_line(done(), T + 130)
    assert world.seen() == Seen(1, 0, 0, Amounts(1, 2_000, 4_000_000), Amounts(1, 0.625, 0.25))


def test_other_releases_agents_and_times_are_left_out(world: World) -> None:
    world.print_line(BAD, T + 1, bundle_id=A)
    world.print_line(BAD, T + 1, agent="others")
    world.print_line(BAD, T - 61)
    world.print_line(BAD, T + 601)
    world.print_line(done(), T + 1)
    found = world.seen()
    assert found is not None
    assert (found.runs, found.errors) == (1, 0)


def test_no_runs_are_known_to_be_none(world: World) -> None:
    assert world.seen() == Seen()


def test_scores_are_counted_by_the_runs_that_reported_them(world: World) -> None:
    for figures in (done(grounding=0.5), done(grounding=1.0, tone=0.25), done()):
        world.print_line(figures, T + 1)
    found = world.seen(scores=("grounding", "tone", "style"))
    assert found is not None
    assert found.runs == 3
    assert found.scores == {
        "grounding": Amounts(2, 1.5, 1.5),
        "tone": Amounts(1, 0.25, 0.25),
        "style": Amounts(0, 0.0, 0.0),
    }


def test_what_is_given_in_pages_is_summed_over_them(world: World) -> None:
    pages = [
        {"MetricDataResults": [{"Id": "sum_Runs", "Values": [2.0]}], "NextToken": str(n)} for n in (1, 2)
    ]
    pages.append({"MetricDataResults": [{"Id": "sum_Runs", "Values": [3.0, 4.0]}]})
    asked: list[str | None] = []

    def get(**request: Any) -> Any:
        asked.append(request.get("NextToken"))
        return pages[len(asked) - 1]

    world.client.get_metric_data = get
    found = world.seen()
    assert found is not None
    assert (found.runs, asked) == (11, [None, "1", "2"])


def test_pages_without_an_end_give_nothing(world: World) -> None:
    world.client.get_metric_data = lambda **_: {"MetricDataResults": [], "NextToken": "on"}
    assert world.seen() is None


def test_where_cloudwatch_refuses_nobody_can_say(world: World) -> None:
    world.print_line(done(), T + 1)
    world.faulty.lost["get_metric_data"] = 1
    assert world.seen() is None
    assert world.seen() is not None


def test_no_more_than_is_kept_by_the_minute_is_asked_for(world: World) -> None:
    asked: list[Any] = []
    world.faulty.before["get_metric_data"] = asked.append
    world.seen(since=T - 30 * 86_400, now=T)
    assert asked[0]["StartTime"].timestamp() == T - 14 * 86_400
    assert asked[0]["EndTime"].timestamp() == T


def test_within_the_second_in_which_all_began_nothing_is_known_yet_and_nothing_is_refused(
    world: World,
) -> None:
    assert world.seen(since=T + 0.25, now=T + 0.75) == Seen()
    assert world.seen(since=T, now=T) == Seen()


def test_only_alarms_that_are_in_alarm_are_named(world: World) -> None:
    for name, state in (("errors", "ALARM"), ("cost", "OK"), ("new", "INSUFFICIENT_DATA"), ("x", "ALARM")):
        world.alarm(name, state)
    assert alarming(world.client, ["errors", "cost", "new", "unknown"]) == ("errors",)


def test_without_names_nobody_is_asked(world: World) -> None:
    assert alarming(world.faulty, []) == ()
    assert not world.faulty.calls


def state(record: Record) -> State:
    of = plan(alarms={A: ("of-a",), B: ("of-b",)}, limits={"window_seconds": 120})
    return State(of, record, {B: evidence()})


def runs(found: Seen | None) -> int | None:
    return None if found is None else found.runs


def printed(world: World) -> None:
    """In each of ten minutes before now: two runs of the candidate, and one of the stable release."""
    for minute in range(1, 11):
        for bundle_id in (A, B, B):
            world.print_line(done(), T - 60 * minute, bundle_id)


@pytest.mark.parametrize(
    ("record", "counts"),
    [
        (canary(since=NOW - 600_000), (4, 20, 10)),
        (canary(since=NOW - 60_000), (2, 2, 1)),
        (watched(since=NOW - 600_000), (4, 20, 10)),
        (watched(since=NOW - 600_000, previous=None), (4, 20, None)),
        (Record(A), (None, None, None)),
    ],
)
def test_both_releases_are_measured_in_the_same_time(
    world: World, record: Record, counts: tuple[int | None, int | None, int | None]
) -> None:
    printed(world)
    found = observe(world.faulty, NOBODY, state(record), T)
    assert (runs(found.recent), runs(found.candidate), runs(found.stable)) == counts
    assert (found.alarms, found.evidence) == ((), {B: evidence()})


@pytest.mark.parametrize("make", [canary, watched])
def test_only_the_alarms_of_the_watched_release_count(world: World, make: Callable[[], Record]) -> None:
    world.alarm("of-a", "ALARM")
    world.alarm("of-b", "OK")
    assert observe(world.faulty, NOBODY, state(make()), T).alarms == ()
    world.alarm("of-b", "ALARM")
    assert observe(world.faulty, NOBODY, state(make()), T).alarms == ("of-b",)


def test_where_alarms_cannot_be_read_the_limits_still_judge_and_nothing_advances(world: World) -> None:
    printed(world)
    world.faulty.lost["describe_alarms"] = 1
    found = observe(world.faulty, NOBODY, state(canary()), T)
    assert found.recent is not None
    assert replace(found, recent=None) == Observation(evidence={B: evidence()})


def test_where_metrics_cannot_be_read_alarms_still_count(world: World) -> None:
    world.alarm("of-b", "ALARM")
    world.faulty.lost["get_metric_data"] = 3
    found = observe(world.faulty, NOBODY, state(canary()), T)
    assert (found.recent, found.candidate, found.stable) == (None, None, None)
    assert found.alarms == ("of-b",)


def test_copies_are_read_beside_the_runs(world: World) -> None:
    copied = RunFigures(Usage(100, 10, 0.5), agreement=0.75)
    world.print_line(copied, T)
    world.print_line(replace(copied, agreement=0.0, failed=True), T + 60)
    world.print_line(replace(copied, counts=False), T + 60)
    found = observe(world.faulty, NOBODY, state(shadowed(since=NOW)), T + 600)
    assert found.shadowed == Shadowed(2, 1, Amounts(2, 0.75, 0.75), 1.5)
    assert found.candidate is not None
    assert (found.candidate.runs, found.candidate.cost_usd.total) == (0, 0)
    world.faulty.lost["get_metric_data"] = 4
    assert observe(world.faulty, NOBODY, state(shadowed(since=NOW)), T + 600).shadowed is None
