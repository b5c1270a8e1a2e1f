"""The state of an alarm, by AWS's own tables of data points and treatments of missing ones."""

from collections.abc import Iterator
from typing import Any

import pytest

from embedded_aws.alarms.states import state_of
from tests.embedded.alarms_world import World, alarms_world

TREATMENTS = ("missing", "ignore", "breaching", "notBreaching")
OK, ALARM, UNKNOWN, RETAIN = "OK", "ALARM", "INSUFFICIENT_DATA", None
ALL_OF_3 = [
    ("0 - X - X", (OK, OK, OK, OK)),
    ("0 - - - -", (OK, OK, OK, OK)),
    ("- - - - -", (UNKNOWN, RETAIN, ALARM, OK)),
    ("0 X X - X", (ALARM, ALARM, ALARM, ALARM)),
    ("- - X - -", (ALARM, RETAIN, ALARM, OK)),
]
TWO_OF_3 = [
    ("0 - X - X", (ALARM, ALARM, ALARM, ALARM)),
    ("0 0 X 0 X", (ALARM, ALARM, ALARM, ALARM)),
    ("0 - X - -", (OK, OK, ALARM, OK)),
    ("- - - - 0", (OK, OK, ALARM, OK)),
    ("- - - X -", (ALARM, RETAIN, ALARM, OK)),
]
"""https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html"""
ROWS = [
    (to_alarm, points, missing, state)
    for to_alarm, table in ((3, ALL_OF_3), (2, TWO_OF_3))
    for points, states in table
    for missing, state in zip(TREATMENTS, states, strict=True)
]
VALUES = {"0": 1.0, "X": 9.0}


@pytest.fixture
def aws() -> Iterator[World]:
    with alarms_world() as made:
        yield made


def put(aws: World, points: str) -> None:
    """One minute each, the newest last."""
    for ago, point in enumerate(reversed(points.split())):
        if point in VALUES:
            aws.put(VALUES[point], ago=60 * ago + 30)


@pytest.mark.parametrize(("to_alarm", "points", "missing", "expected"), ROWS)
def test_data_points_make_the_documented_state(
    to_alarm: int, points: str, missing: str, expected: str | None
) -> None:
    breaches = [{"0": False, "X": True, "-": None}[point] for point in points.split()]
    assert state_of(breaches, periods=3, to_alarm=to_alarm, missing=missing) == expected


@pytest.mark.parametrize(("to_alarm", "points", "missing", "expected"), ROWS)
def test_an_alarm_takes_the_documented_state(
    aws: World, to_alarm: int, points: str, missing: str, expected: str | None
) -> None:
    aws.alarm(EvaluationPeriods=3, DatapointsToAlarm=to_alarm, TreatMissingData=missing)
    before = OK if expected in (ALARM, RETAIN) else ALARM
    aws.set_state(before)
    put(aws, points)
    assert aws.state() == (expected or before)


@pytest.mark.parametrize("points", ["- - - - X", "- - - X -", "- - - X X"])
@pytest.mark.parametrize("before", ["OK", "ALARM", "INSUFFICIENT_DATA"])
def test_breaching_data_that_is_too_young_for_an_alarm_changes_nothing(
    aws: World, points: str, before: str
) -> None:
    aws.alarm(EvaluationPeriods=3)
    aws.set_state(before)
    put(aws, points)
    assert aws.state() == before


def test_missing_data_is_missing_where_nothing_else_is_said(aws: World) -> None:
    aws.alarm()
    aws.set_state("OK")
    assert aws.state() == UNKNOWN


def test_metrics_of_dynamodb_are_ignored_while_they_are_missing(aws: World) -> None:
    aws.alarm(Namespace="AWS/DynamoDB")
    aws.set_state("ALARM")
    assert aws.state() == ALARM


@pytest.mark.parametrize(
    ("operator", "breaching"),
    [
        ("GreaterThanThreshold", {6}),
        ("GreaterThanOrEqualToThreshold", {5, 6}),
        ("LessThanThreshold", {4}),
        ("LessThanOrEqualToThreshold", {4, 5}),
    ],
)
@pytest.mark.parametrize("value", [4, 5, 6])
def test_a_value_is_compared_as_the_operator_says(
    aws: World, operator: str, breaching: set[int], value: int
) -> None:
    aws.alarm(ComparisonOperator=operator)
    aws.put(value)
    assert aws.state() == ("ALARM" if value in breaching else "OK")


def test_real_data_from_farther_back_goes_before_filled_periods(aws: World) -> None:
    aws.alarm(TreatMissingData="notBreaching")
    aws.put(9)
    assert [aws.state(seconds=seconds) for seconds in (0, 179, 1)] == ["ALARM", "ALARM", "OK"]


def test_a_new_alarm_knows_nothing_and_an_updated_one_keeps_its_state(aws: World) -> None:
    aws.alarm()
    assert aws.held()["StateValue"] == UNKNOWN
    aws.put(9)
    aws.run()
    before = aws.held()
    aws.alarm(AlarmDescription="told anew")
    kept = ("StateValue", "StateReason", "StateReasonData", "StateUpdatedTimestamp")
    assert [aws.held()[name] for name in kept] == [before[name] for name in kept]
    assert aws.run() == []


def test_the_reason_says_which_data_points_crossed_the_threshold(aws: World) -> None:
    aws.alarm(EvaluationPeriods=3, DatapointsToAlarm=2)
    put(aws, "X 0 X")
    aws.run()
    held: Any = aws.held()
    points = "[9.0 (01/06/26 11:59:00), 9.0 (01/06/26 11:57:00)]"
    assert held["StateReason"] == (
        f"Threshold Crossed: 2 out of the last 3 datapoints {points} "
        "were greater than the threshold (5.0) (minimum 2 datapoints for OK -> ALARM transition)."
    )
    assert held["StateUpdatedTimestamp"] == aws.now


@pytest.mark.parametrize(
    ("missing", "reason"),
    [
        ("missing", "Insufficient Data: 1 datapoint was unknown."),
        (
            "breaching",
            "Threshold Crossed: no datapoints were received for 1 period and 1 missing datapoint was "
            "treated as [Breaching].",
        ),
    ],
)
def test_the_reason_says_what_was_missing(aws: World, missing: str, reason: str) -> None:
    aws.alarm(TreatMissingData=missing)
    aws.set_state("OK")
    aws.run()
    assert aws.held()["StateReason"] == reason
