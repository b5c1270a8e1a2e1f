"""What CloudWatch says of a state: StateReason for people, StateReasonData for programs.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch-and-eventbridge.html shows both.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from moto.cloudwatch.models import Alarm

from embedded_aws.alarms.samples import Window
from embedded_aws.alarms.states import State

COMPARISONS = {
    "GreaterThanThreshold": "greater than",
    "GreaterThanOrEqualToThreshold": "greater than or equal to",
    "LessThanThreshold": "less than",
    "LessThanOrEqualToThreshold": "less than or equal to",
}
"""https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html; the others take
bands of an anomaly detection."""
LONGEST_CHARACTERS = 1023
"""https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MetricAlarm.html: of StateReason; the
4000 of StateReasonData hold 20 data points with their times."""
_MOST_POINTS = 20
_TREATED = {"breaching": "Breaching", "notBreaching": "NonBreaching"}


@dataclass(frozen=True)
class Datapoint:
    at: datetime
    """Where its period begins."""
    value: float | None
    breaches: bool | None
    samples: float | None
    """None of an expression."""


@dataclass(frozen=True)
class Verdict:
    state: State
    reason: str
    data: str


def verdict(
    alarm: Alarm,
    state: State,
    points: Sequence[Datapoint],
    *,
    missing: str,
    periods: int,
    to_alarm: int,
    window: Window,
) -> Verdict:
    """`points` is the evaluation range with the newest last, of which the newest real ones count."""
    evaluated = [point for point in points if point.value is not None][-periods:]
    reason = _reason(alarm, state, evaluated, missing, periods, to_alarm)
    return Verdict(state, reason[:LONGEST_CHARACTERS], json.dumps(_data(alarm, evaluated, window)))


def stamp(moment: datetime) -> str:
    """As in notifications: `2026-06-01T12:00:00.000+0000`. moto's times have no zone and are in UTC."""
    known = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    return f"{known.isoformat(timespec='milliseconds').removesuffix('+00:00')}+0000"


def _reason(
    alarm: Alarm, state: State, evaluated: Sequence[Datapoint], missing: str, periods: int, to_alarm: int
) -> str:
    if state == "INSUFFICIENT_DATA":
        return f"Insufficient Data: {_counted(periods, 'datapoint')} {_were(periods)} unknown."
    filled = periods - len(evaluated) if missing in _TREATED else 0
    treated = f"{_counted(filled, 'missing datapoint')} {_were(filled)} treated as [{_TREATED.get(missing)}]"
    if not evaluated:
        return (
            f"Threshold Crossed: no datapoints were received for {_counted(periods, 'period')} and {treated}."
        )
    counting = [point for point in reversed(evaluated) if point.breaches == (state == "ALARM")]
    clauses: list[str] = []
    if counting:
        shown = ", ".join(f"{p.value} ({p.at:%d/%m/%y %H:%M:%S})" for p in counting[:_MOST_POINTS])
        is_not = "" if state == "ALARM" else "not "
        clauses.append(
            f"{len(counting)} out of the last {len(evaluated)} datapoints [{shown}] {_were(len(counting))} "
            f"{is_not}{COMPARISONS[alarm.comparison_operator]} the threshold ({float(alarm.threshold)})"
        )
    if filled:
        clauses.append(treated)
    least = to_alarm if state == "ALARM" else periods - to_alarm + 1
    change = "OK -> ALARM" if state == "ALARM" else "ALARM -> OK"
    return (
        f"Threshold Crossed: {' and '.join(clauses)} "
        f"(minimum {_counted(least, 'datapoint')} for {change} transition)."
    )


def _data(alarm: Alarm, evaluated: Sequence[Datapoint], window: Window) -> Mapping[str, Any]:
    recent = evaluated[-_MOST_POINTS:]
    statistic = {"statistic": alarm.statistic or alarm.extended_statistic}
    return {
        "version": "1.0",
        "queryDate": stamp(window.now),
        **({"startDate": stamp(recent[0].at)} if recent else {}),
        **({} if alarm.metric_data_queries else statistic),
        "period": int(window.period.total_seconds()),
        "recentDatapoints": [point.value for point in recent],
        "threshold": float(alarm.threshold),
        "evaluatedDatapoints": [
            {
                "timestamp": stamp(point.at),
                **({} if point.samples is None else {"sampleCount": float(point.samples)}),
                "value": point.value,
            }
            for point in reversed(recent)
        ],
    }


def _counted(number: int, name: str) -> str:
    return f"{number} {name}" if number == 1 else f"{number} {name}s"


def _were(number: int) -> str:
    return "was" if number == 1 else "were"
