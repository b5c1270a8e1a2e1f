"""Cron expressions of EventBridge, of six fields: which days and minutes they mean, and when the next one is.

https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html#cron-based
"""

import re
from calendar import monthrange
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import cache

_CRON = re.compile(r"cron\((\S+) (\S+) (\S+) (\S+) (\S+) (\S+)\)")
_PART = re.compile(r"(?:(?P<all>\*)|(?P<low>\w+)(?:-(?P<high>\w+))?)(?:/(?P<step>\d+))?")
_MONTHS = {
    "JAN": 1, "FEB": 2, "MAR": 3, "APR": 4, "MAY": 5, "JUN": 6,
    "JUL": 7, "AUG": 8, "SEP": 9, "OCT": 10, "NOV": 11, "DEC": 12,
}  # fmt: skip
_WEEKDAYS = {"SUN": 1, "MON": 2, "TUE": 3, "WED": 4, "THU": 5, "FRI": 6, "SAT": 7}
_LAST_YEAR = 2199
Days = Callable[[int, int], frozenset[int]]
"""(year, month) -> days of it."""


@dataclass(frozen=True)
class Cron:
    minutes: frozenset[int]
    hours: frozenset[int]
    months: frozenset[int]
    years: frozenset[int]
    days: Days

    def next_after(self, after: datetime, zone: tzinfo = UTC) -> datetime | None:
        """The first time behind `after`, in UTC; None where there is none any more.

        A time of `zone` that its clocks skip is skipped, and one that they show twice comes once:
        https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html#daylist-savings-time
        """
        begins = after.astimezone(zone)
        for day in self._days_from(begins.date() - timedelta(days=1)):
            for hour in sorted(self.hours):
                for minute in sorted(self.minutes):
                    local = datetime(day.year, day.month, day.day, hour, minute)
                    at = local.replace(tzinfo=zone).astimezone(UTC)
                    if at > after and at.astimezone(zone).replace(tzinfo=None) == local:
                        return at
        return None

    def _days_from(self, first: date) -> Iterator[date]:
        for year in sorted(year for year in self.years if year >= first.year):
            for month in sorted(self.months):
                if (year, month) >= (first.year, first.month):
                    found = (date(year, month, day) for day in sorted(self.days(year, month)))
                    yield from (day for day in found if day >= first)


@cache
def parse(expression: str) -> Cron | None:
    """None for what is no cron expression, or none that AWS would take."""
    found = _CRON.fullmatch(expression)
    if found is None:
        return None
    minutes, hours, of_month, months, of_week, years = found.groups()
    if (of_month == "?") == (of_week == "?"):  # one of them says which days, and the other one nothing
        return None
    try:
        return Cron(
            _values(minutes, 0, 59),
            _values(hours, 0, 23),
            _values(months, 1, 12, _MONTHS),
            _values(years, 1970, _LAST_YEAR),
            _days_of_week(of_week) if of_month == "?" else _days_of_month(of_month),
        )
    except ValueError:
        return None


def _values(field: str, low: int, high: int, names: Mapping[str, int] | None = None) -> frozenset[int]:
    """Raises ValueError."""
    values: set[int] = set()
    for part in field.split(","):
        found = _PART.fullmatch(part)
        if found is None:
            raise ValueError(part)
        first = low if found["all"] else _number(found["low"], names)
        ends = high if found["all"] or (found["step"] and not found["high"]) else first
        last = _number(found["high"], names) if found["high"] else ends
        step = int(found["step"] or 1)
        if not (low <= first <= last <= high and step >= 1):
            raise ValueError(part)
        values.update(range(first, last + 1, step))
    return frozenset(values)


def _number(text: str, names: Mapping[str, int] | None) -> int:
    return (names or {}).get(text.upper()) or int(text)


def _days_of_month(field: str) -> Days:
    """`L` is the last day, `15W` the weekday closest to the 15th in its month."""
    if field == "L":
        return lambda year, month: frozenset({_length(year, month)})
    if (near := re.fullmatch(r"(\d{1,2})W", field)) is not None:
        (wanted,) = _values(near[1], 1, 31)
        return lambda year, month: frozenset(_weekday_near(year, month, wanted))
    days = _values(field, 1, 31)
    return lambda year, month: frozenset(day for day in days if day <= _length(year, month))


def _days_of_week(field: str) -> Days:
    """1 is Sunday. `L` is Saturday, `6L` the last Friday of the month, `3#2` its second Tuesday."""
    if (last := re.fullmatch(r"(\w+)L", field)) is not None:
        (weekday,) = _values(last[1], 1, 7, _WEEKDAYS)
        return lambda year, month: frozenset(sorted(_all_of(year, month, {weekday}))[-1:])
    if (nth := re.fullmatch(r"(\w+)#([1-5])", field)) is not None:
        (weekday,), place = _values(nth[1], 1, 7, _WEEKDAYS), int(nth[2])
        return lambda year, month: frozenset(sorted(_all_of(year, month, {weekday}))[place - 1 : place])
    weekdays = {7} if field == "L" else _values(field, 1, 7, _WEEKDAYS)
    return lambda year, month: frozenset(_all_of(year, month, weekdays))


def _all_of(year: int, month: int, weekdays: frozenset[int] | set[int]) -> set[int]:
    days = range(1, _length(year, month) + 1)
    return {day for day in days if date(year, month, day).isoweekday() % 7 + 1 in weekdays}


def _weekday_near(year: int, month: int, wanted: int) -> set[int]:
    """It stays in the month: the 1st on a Saturday gives Monday the 3rd."""
    if wanted > _length(year, month):
        return set()
    weekdays = _all_of(year, month, {2, 3, 4, 5, 6})
    return {min(weekdays, key=lambda day: abs(day - wanted))}


def _length(year: int, month: int) -> int:
    return monthrange(year, month)[1]
