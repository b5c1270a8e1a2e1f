"""How many workers a release has."""

import json
from pathlib import Path
from typing import Any

import pytest

from agent_hosting import EcsAgent
from agent_hosting._ecs_scaling import NOBODY_WORKS, RUNS_PER_WORKER
from agent_hosting._traffic import Traffic
from tests.components.recorder import Program, World, run
from tests.components.samples import IMAGE, PLATFORM, bundle_id, making, packed

OLD, OLDER = "aaaaaaaaaaaa", "bbbbbbbbbbbb"


def agent(source: str, world: World | None = None, **changes: Any) -> Program:
    return run(making(EcsAgent, "handbook", source, platform=PLATFORM, **changes), world)


def record(traffic: Traffic) -> World:
    return World(items={"traffic": json.loads(traffic.as_item("handbook"))})


def fill(metric: float | None, value: float) -> float:
    return value if metric is None else metric


def told(expression: str, waiting: float | None, in_work: float | None, workers: float | None) -> float:
    """What CloudWatch makes of an expression for one moment; None where no data came."""
    known = {"waiting": waiting, "in_work": in_work, "workers": workers, "FILL": fill}
    python = expression.replace(" AND ", " and ").replace("IF(", "choose(")
    known["choose"] = lambda is_so, then, otherwise: then if is_so else otherwise
    return float(eval(python, {"__builtins__": {}}, known))


@pytest.mark.parametrize(
    ("waiting", "in_work", "workers", "runs"),
    [
        (8, 0, 2, 4),
        (0, 8, 2, 4),  # long runs keep their workers, though nothing waits
        (6, 2, 0, 8),
        (6, 2, None, 8),
        (None, None, None, 0),
        (3, None, 1, 3),
    ],
)
def test_runs_for_each_worker_are_those_that_wait_and_those_in_work(
    waiting: float | None, in_work: float | None, workers: float | None, runs: float
) -> None:
    assert told(RUNS_PER_WORKER, waiting, in_work, workers) == runs


@pytest.mark.parametrize(
    ("waiting", "in_work", "workers", "asleep"),
    [(1, 0, 0, 1), (1, 0, None, 1), (0, 1, 0, 1), (1, 0, 1, 0), (0, 0, 0, 0), (None, None, None, 0)],
)
def test_a_release_sleeps_where_it_has_runs_and_no_worker(
    waiting: float | None, in_work: float | None, workers: float | None, asleep: float
) -> None:
    assert told(NOBODY_WORKS, waiting, in_work, workers) == asleep


def test_workers_follow_the_backlog_of_their_own_queue_and_service(source: str) -> None:
    program, name = agent(source), f"handbook-{bundle_id(source)}"
    policy = program.one("Policy", f"{name}-backlog").inputs
    assert policy["policyType"] == "TargetTrackingScaling"
    tracking = policy["targetTrackingScalingPolicyConfiguration"]
    assert tracking["targetValue"] == 4, "as many as a worker runs at once"
    *read, backlog = tracking["customizedMetricSpecification"]["metrics"]
    assert (backlog["expression"], backlog["returnData"]) == (RUNS_PER_WORKER, True)
    assert not any(metric["returnData"] for metric in read)
    queue, service = (
        [("QueueName", f"{name}-0a1b2c3")],
        [
            ("ClusterName", "workers"),
            ("ServiceName", f"{name}-0a1b2c3"),
        ],
    )
    found = {m["id"]: m["metricStat"]["metric"] for m in read}
    assert {
        label: (m["namespace"], m["metricName"], [(d["name"], d["value"]) for d in m["dimensions"]])
        for label, m in found.items()
    } == {
        "waiting": ("AWS/SQS", "ApproximateNumberOfMessagesVisible", queue),
        "in_work": ("AWS/SQS", "ApproximateNumberOfMessagesNotVisible", queue),
        "workers": ("ECS/ContainerInsights", "RunningTaskCount", service),
    }


def test_a_release_without_workers_is_woken_by_its_first_run(source: str) -> None:
    program, name = agent(source), f"handbook-{bundle_id(source)}"
    wake = program.one("Policy", f"{name}-wake")
    step = wake.inputs["stepScalingPolicyConfiguration"]
    assert step["adjustmentType"] == "ChangeInCapacity"
    assert step["stepAdjustments"] == [{"metricIntervalLowerBound": "0", "scalingAdjustment": 1}]
    alarm = program.one("MetricAlarm", f"{name}-asleep").inputs
    assert alarm["alarmActions"] == [
        f"arn:aws:appautoscaling:eu-west-1:123456789012:Policy/{wake.name}-0a1b2c3"
    ]
    assert (alarm["threshold"], alarm["evaluationPeriods"]) == (1, 1)
    asleep, *read = alarm["metricQueries"]
    assert (asleep["expression"], asleep["returnData"]) == (NOBODY_WORKS, True)
    assert {query["id"] for query in read} == {"waiting", "in_work", "workers"}


def test_every_part_of_the_scaling_is_of_one_service(source: str) -> None:
    program, name = agent(source), f"handbook-{bundle_id(source)}"
    for made in (*program.all("Target"), *(p for p in program.all("Policy") if "appautoscaling" in p.type)):
        assert made.inputs["resourceId"] == f"service/workers/{name}-0a1b2c3"
        assert made.inputs["scalableDimension"] == "ecs:service:DesiredCount"


@pytest.mark.parametrize(
    ("given", "target", "most"),
    [
        ({"worker_concurrency": 20}, 20, 10),
        ({"backlog_per_worker": 1.5}, 1.5, 10),
        ({"max_workers": 1}, 4, 1),
    ],
)
def test_backlog_and_workers_can_be_bounded(
    source: str, given: dict[str, Any], target: float, most: int
) -> None:
    program, name = agent(source, **given), f"handbook-{bundle_id(source)}"
    tracking = program.one("Policy", f"{name}-backlog").inputs["targetTrackingScalingPolicyConfiguration"]
    assert tracking["targetValue"] == target
    assert program.one("Target").inputs["maxCapacity"] == most


@pytest.mark.parametrize(
    ("traffic", "least"),
    [
        (Traffic(OLD, "NEWEST", 500, OLDER), {OLD: 1, OLDER: 1, "NEWEST": 0}),
        (Traffic("NEWEST", previous=OLD), {OLD: 1, OLDER: 0, "NEWEST": 1}),
        (Traffic(OLDER), {OLD: 0, OLDER: 1, "NEWEST": 0}),
    ],
)
def test_stable_and_previous_are_warm_and_every_other_release_may_rest(
    source: str, traffic: Traffic, least: dict[str, int]
) -> None:
    newest = bundle_id(source)
    held = Traffic(
        *(newest if part == "NEWEST" else part for part in (traffic.stable, traffic.candidate)),  # type: ignore[arg-type]
        traffic.candidate_basis_points,
        traffic.previous,
    )
    archive = packed(Path(source))["archive"]
    releases = [
        {"bundle_id": OLDER, "image": IMAGE},
        {"bundle_id": OLD, "image": IMAGE},
        {"bundle_id": newest, "archive": archive, "image": IMAGE},
    ]
    program = agent(source, record(held), releases=releases, secret_variables=None)
    found = {
        target.name.removeprefix("handbook-"): target.inputs["minCapacity"]
        for target in program.all("Target")
    }
    assert found == {newest if bundle == "NEWEST" else bundle: count for bundle, count in least.items()}
