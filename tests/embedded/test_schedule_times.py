"""Cron expressions as EventBridge reads them: a table of its own examples, and laws that hold for all."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from embedded_aws.schedules.cron import Cron, parse
from embedded_aws.schedules.times import first, following, is_read

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)  # a Monday


def _next(expression: str, after: datetime = NOON, zone: str = "UTC", count: int = 3) -> list[str]:
    read, found = parse(expression), list[str]()
    assert read is not None
    for _ in range(count):
        at = read.next_after(after, ZoneInfo(zone))
        if at is None:
            break
        found.append(at.astimezone(ZoneInfo(zone)).strftime("%y-%m-%d %H:%M"))
        after = at
    return found


@pytest.mark.parametrize(
    ("expression", "times"),
    [
        ("cron(0 10 * * ? *)", ["26-06-02 10:00", "26-06-03 10:00", "26-06-04 10:00"]),
        ("cron(15 12 * * ? *)", ["26-06-01 12:15", "26-06-02 12:15", "26-06-03 12:15"]),
        ("cron(0 18 ? * MON-FRI *)", ["26-06-01 18:00", "26-06-02 18:00", "26-06-03 18:00"]),
        ("cron(0 8 1 * ? *)", ["26-07-01 08:00", "26-08-01 08:00", "26-09-01 08:00"]),
        ("cron(0/15 * * * ? *)", ["26-06-01 12:15", "26-06-01 12:30", "26-06-01 12:45"]),
        ("cron(*/40 * * * ? *)", ["26-06-01 12:40", "26-06-01 13:00", "26-06-01 13:40"]),
        ("cron(0 9 ? * 2#1 *)", ["26-07-06 09:00", "26-08-03 09:00", "26-09-07 09:00"]),
        ("cron(0 9 ? * 6#5 *)", ["26-07-31 09:00", "26-10-30 09:00", "27-01-29 09:00"]),
        ("cron(0 10 L * ? *)", ["26-06-30 10:00", "26-07-31 10:00", "26-08-31 10:00"]),
        ("cron(15 10 ? * 6L 2026-2027)", ["26-06-26 10:15", "26-07-31 10:15", "26-08-28 10:15"]),
        ("cron(0 0 ? * FRIL *)", ["26-06-26 00:00", "26-07-31 00:00", "26-08-28 00:00"]),
        ("cron(0 0 ? * L *)", ["26-06-06 00:00", "26-06-13 00:00", "26-06-20 00:00"]),
        ("cron(0 0 1W AUG ? *)", ["26-08-03 00:00", "27-08-02 00:00", "28-08-01 00:00"]),
        ("cron(0 0 31W FEB,MAY ? *)", ["27-05-31 00:00", "28-05-31 00:00", "29-05-31 00:00"]),
        ("cron(0 0 29 FEB ? *)", ["28-02-29 00:00", "32-02-29 00:00", "36-02-29 00:00"]),
        ("cron(5,10 0,23 ? jan,DEC sun 2026)", ["26-12-06 00:05", "26-12-06 00:10", "26-12-06 23:05"]),
        ("cron(0 12 1 6 ? 2026)", []),
        ("cron(0 0 30 2 ? *)", []),
    ],
)
def test_the_next_times_are_those_of_the_expression(expression: str, times: list[str]) -> None:
    assert _next(expression) == times


@pytest.mark.parametrize(
    "wrong",
    [
        "cron(0 12 * * * *)",
        "cron(0 12 ? * ? *)",
        "cron(60 12 * * ? *)",
        "cron(0 24 * * ? *)",
        "cron(0 12 0 * ? *)",
        "cron(0 12 ? * 8 *)",
        "cron(0 12 ? * MON#6 *)",
        "cron(0 12 * 13 ? *)",
        "cron(0 12 * * ? 2200)",
        "cron(30-10 12 * * ? *)",
        "cron(0/0 12 * * ? *)",
        "cron(0 12 40W * ? *)",
        "cron(, 12 * * ? *)",
        "cron(0 12 * * ?)",
        "rate(1 hour)",
        "",
    ],
)
def test_what_aws_would_not_take_is_not_read(wrong: str) -> None:
    assert parse(wrong) is None


def test_a_time_that_clocks_skip_is_skipped_and_one_that_they_show_twice_comes_once() -> None:
    spring, autumn = datetime(2027, 3, 27, 12, tzinfo=UTC), datetime(2026, 10, 24, 12, tzinfo=UTC)
    nightly = "cron(30 2 * * ? *)"
    assert _next(nightly, spring, "Europe/Berlin", 2) == ["27-03-29 02:30", "27-03-30 02:30"]
    assert _next(nightly, autumn, "Europe/Berlin", 2) == ["26-10-25 02:30", "26-10-26 02:30"]


_MINUTES, _HOURS = (
    st.frozensets(st.integers(0, 59), min_size=1),
    st.frozensets(st.integers(0, 23), min_size=1),
)
_MONTHS = st.frozensets(st.integers(1, 12), min_size=1)
_DAYS = st.frozensets(st.integers(1, 31), min_size=1)
_WHEN = st.datetimes(datetime(2024, 1, 1), datetime(2030, 12, 31), timezones=st.just(UTC))
_ZONES = st.sampled_from(["UTC", "Europe/Berlin", "America/St_Johns", "Pacific/Apia", "Africa/Cairo"])


def _written(
    minutes: frozenset[int], hours: frozenset[int], days: frozenset[int], months: frozenset[int]
) -> Cron:
    fields = [",".join(map(str, sorted(one))) for one in (minutes, hours, days, months)]
    read = parse(f"cron({' '.join(fields)} ? *)")
    assert read is not None
    return read


@settings(max_examples=150)
@given(_MINUTES, _HOURS, _DAYS, _MONTHS, _WHEN, _ZONES)
def test_the_next_time_fits_every_field_and_lies_behind(
    minutes: frozenset[int],
    hours: frozenset[int],
    days: frozenset[int],
    months: frozenset[int],
    after: datetime,
    zone: str,
) -> None:
    found = _written(minutes, hours, days, months).next_after(after, ZoneInfo(zone))
    assume(found is not None)
    assert found is not None
    local = found.astimezone(ZoneInfo(zone))
    assert found > after
    assert (local.second, local.microsecond) == (0, 0)
    assert local.minute in minutes
    assert local.hour in hours
    assert local.day in days
    assert local.month in months


@settings(max_examples=60)
@given(_MINUTES, _HOURS, _WHEN)
def test_no_time_is_left_out(minutes: frozenset[int], hours: frozenset[int], after: datetime) -> None:
    every = frozenset(range(1, 32)), frozenset(range(1, 13))
    found = _written(minutes, hours, *every).next_after(after)
    at = after.replace(second=0, microsecond=0) + timedelta(minutes=1)
    while at.minute not in minutes or at.hour not in hours:
        at += timedelta(minutes=1)
    assert found == at


def test_rates_single_times_and_zones_that_are_not_known() -> None:
    assert first("rate(5 minutes)", NOON) == NOON + timedelta(minutes=5)
    late = NOON + timedelta(minutes=17)
    assert following("rate(5 minutes)", NOON, late) == NOON + timedelta(minutes=20)
    assert first("at(2026-06-01T11:59:59)", NOON) is None
    assert following("at(2026-06-01T12:00:00)", NOON, NOON) is None
    assert following("cron(0 * * * ? *)", NOON, late) == NOON + timedelta(hours=1)
    assert not is_read("cron(0 * * * ? *)", "Mars/Olympus")
    assert first("cron(0 * * * ? *)", NOON, "Mars/Olympus") is None
    assert not is_read("whenever")
