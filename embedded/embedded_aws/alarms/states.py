"""The state that data points make of an alarm: pure.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html
"""

from collections.abc import Sequence
from typing import Literal

State = Literal["OK", "ALARM", "INSUFFICIENT_DATA"]
Point = bool | None
"""Whether a data point breaches; None is missing."""

_FURTHER_PERIODS = 2
"""The documented example looks at 5 periods for an alarm of 3; for others no number is documented."""


def evaluation_range(periods: int) -> int:
    """Periods that are looked at, so that real data points farther back can stand in for missing ones."""
    return periods + _FURTHER_PERIODS


def state_of(points: Sequence[Point], *, periods: int, to_alarm: int, missing: str) -> State | None:
    """`points` is the evaluation range with the newest last; None keeps the state that the alarm has."""
    real = [point for point in points if point is not None]
    if len(real) >= periods:
        return "ALARM" if sum(real[-periods:]) >= to_alarm else "OK"
    breaching = sum(real) + (periods - len(real) if missing == "breaching" else 0)
    if breaching >= to_alarm:
        return "ALARM"
    if missing in ("breaching", "notBreaching") or not all(real):
        return "OK"
    if missing == "ignore":
        return None
    if not real:
        return "INSUFFICIENT_DATA"
    # "Avoiding premature transitions to alarm state": with breaching data alone, its oldest point must be as
    # old as the points that it takes. Until then no state is documented: the alarm waits in the one it has.
    oldest = len(points) - next(at for at, point in enumerate(points) if point)
    return "ALARM" if oldest >= to_alarm else None
