"""How many replicas a ScaledObject wants, as KEDA and the autoscaler that it makes decide it."""

from dataclasses import replace
from typing import Any

import pytest

from embedded_kubernetes.scaling.decide import Past, decide
from embedded_kubernetes.scaling.scaled_object import (
    CloudWatch,
    Queue,
    ScaledObject,
    Target,
    Trigger,
    scaled_object,
)

NOW = 1_000_000.0
QUEUE = Trigger(Queue("q", "eu-west-1", in_flight=True, delayed=False), 5.0, 0.0, "AverageValue")
SCALED = ScaledObject(
    target=Target("apps/v1", "StatefulSet", "agent"),
    triggers=(QUEUE,),
    unknown=(),
    least=0,
    most=10,
    idle=None,
    polling_seconds=30,
    cooldown_seconds=300,
    stabilization_seconds=300,
    paused=False,
    paused_replicas=None,
)


@pytest.mark.parametrize(
    ("name", "changes", "value", "before", "past", "after"),
    [
        ("nothing to do, nothing runs", {}, 0, 0, Past(), 0),
        ("one message wakes it", {}, 1, 0, Past(), 1),
        ("as many as the messages need", {}, 23, 0, Past(), 5),
        ("no more than the most", {}, 500, 2, Past(), 10),
        ("within a tenth of the target it stays", {}, 10.9, 2, Past(), 2),
        ("beyond a tenth it grows", {}, 11.1, 2, Past(), 3),
        ("idle, but the cooldown runs", {}, 0, 1, Past(NOW - 299), 1),
        ("the cooldown is over", {}, 0, 1, Past(NOW - 300), 0),
        ("it was never active", {}, 0, 1, Past(), 0),
        ("more than one wait for the cooldown as well", {}, 0, 4, Past(NOW - 10), 4),
        ("less work is believed after the window", {}, 5, 4, Past(NOW, ((NOW - 301, 4),)), 1),
        ("less work is not believed at once", {}, 5, 4, Past(NOW, ((NOW - 299, 4),)), 4),
        ("a minimum is kept without work", {"least": 2}, 0, 2, Past(), 2),
        ("a minimum is restored", {"least": 2}, 0, 0, Past(), 2),
        ("the idle number is below the minimum", {"least": 3, "idle": 1}, 0, 3, Past(NOW - 300), 1),
        ("from idle to the minimum", {"least": 3, "idle": 1}, 1, 1, Past(), 3),
        ("below the activation it is idle", {"triggers": (replace(QUEUE, activation=9),)}, 9, 0, Past(), 0),
        ("above the activation it wakes", {"triggers": (replace(QUEUE, activation=9),)}, 10, 0, Past(), 2),
        (
            "a plain value is for all together",
            {"triggers": (replace(QUEUE, kind="Value"),)},
            15,
            2,
            Past(),
            6,
        ),
        ("a paused one stays", {"paused": True}, 50, 2, Past(), 2),
        ("a paused one with a number has it", {"paused": True, "paused_replicas": 0}, 50, 2, Past(), 0),
        ("the most is lowered", {"most": 3}, 500, 6, Past(), 3),
        ("without triggers nothing changes", {"triggers": ()}, None, 3, Past(), 3),
        ("what cannot be read changes nothing", {}, None, 3, Past(NOW - 900), 3),
    ],
)
def test_replicas(
    name: str, changes: dict[str, Any], value: float | None, before: int, past: Past, after: int
) -> None:
    scaled = replace(SCALED, **changes)
    wanted, _ = decide(scaled, [value] * len(scaled.triggers), before, past, NOW)
    assert wanted == after, name


def test_the_trigger_that_asks_for_most_wins() -> None:
    scaled = replace(SCALED, triggers=(QUEUE, replace(QUEUE, target=1.0)))
    assert decide(scaled, [10, 7], 1, Past(), NOW)[0] == 7


def test_with_one_trigger_unread_it_only_grows() -> None:
    scaled = replace(SCALED, triggers=(QUEUE, QUEUE))
    assert decide(scaled, [None, 5], 4, Past(NOW, ((NOW - 400, 4),)), NOW)[0] == 4
    assert decide(scaled, [None, 50], 4, Past(), NOW)[0] == 10


def test_a_cooldown_that_is_counted_as_over_is_over() -> None:
    assert decide(SCALED, [0], 4, Past(NOW), NOW, idle=True)[0] == 0


def test_activity_begins_the_cooldown_anew() -> None:
    _, past = decide(SCALED, [3], 1, Past(NOW - 1000), NOW)
    assert decide(SCALED, [0], 1, past, NOW + 299)[0] == 1
    assert decide(SCALED, [0], 1, past, NOW + 300)[0] == 0


def given(*triggers: Any, **spec: Any) -> ScaledObject:
    held = {"scaleTargetRef": {"name": "agent"}, "triggers": list(triggers), **spec}
    return scaled_object({"metadata": {"name": "agent"}, "spec": held})


def test_what_is_not_said_is_as_keda_documents_it() -> None:
    scaled = given({"type": "aws-sqs-queue", "metadata": {"queueURL": "http://x/1/jobs", "awsRegion": "r"}})
    assert (scaled.least, scaled.most, scaled.polling_seconds, scaled.cooldown_seconds) == (0, 100, 30, 300)
    assert scaled.target == Target("apps/v1", "Deployment", "agent")
    assert scaled.triggers == [
        Trigger(Queue("jobs", "r", in_flight=True, delayed=False), 5.0, 0.0, "AverageValue")
    ]


def test_a_metric_of_cloudwatch_is_read() -> None:
    metadata = {
        "namespace": "Agents",
        "metricName": "ActiveSessions",
        "dimensionName": "Agent;Bundle",
        "dimensionValue": "helper;abc",
        "targetMetricValue": "4",
        "minMetricValue": "0",
        "awsRegion": "eu-west-1",
        "metricStat": "Maximum",
        "metricStatPeriod": "60",
        "metricCollectionTime": "180",
        "activationTargetMetricValue": "1",
    }
    (trigger,) = given({"type": "aws-cloudwatch", "metadata": metadata}).triggers
    dimensions = {"Agent": "helper", "Bundle": "abc"}
    source = CloudWatch("Agents", "ActiveSessions", dimensions, "eu-west-1", "Maximum", 60, 180, 0.0)
    assert trigger == Trigger(source, 4.0, 1.0, "AverageValue")


def test_a_trigger_of_another_type_is_recorded_and_not_emulated() -> None:
    scaled = given({"type": "kafka", "metadata": {}})
    assert scaled.triggers == []
    assert scaled.unknown == ["trigger kafka: recorded, not emulated"]


def test_a_trigger_that_lacks_something_says_what() -> None:
    scaled = given({"type": "aws-cloudwatch", "metadata": {"namespace": "Agents"}})
    assert scaled.unknown == ["trigger aws-cloudwatch lacks, or cannot read, 'metricName'"]
