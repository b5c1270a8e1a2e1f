"""When the same tier is asked again, and how long a provider asks to wait."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_runtime.models.trying import (
    LONGEST_PAUSE_SECONDS,
    PATIENCE_SECONDS,
    TRIES,
    asked_seconds,
    kept_for_others,
    may_try_again,
    pause_before,
)

NOW = datetime(2027, 1, 15, 8, 0, tzinfo=UTC)


def http(at: datetime) -> str:
    return format_datetime(at, usegmt=True)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, 0),
        ("", 0),
        ("7", 7),
        (" 120 ", 120),
        ("-1", 0),
        ("1.5", 0),
        ("soon", 0),
        ("\N{ARABIC-INDIC DIGIT SEVEN}", 0),
        ("9" * 50, 999_999_999),
        (http(NOW + timedelta(seconds=90)), 90),
        (http(NOW - timedelta(days=1)), 0),
        ("Fri, 99 Jan 2027 99:00:00 GMT", 0),
    ],
)
def test_retry_after_is_a_number_or_a_date(header: str | None, seconds: float) -> None:
    assert asked_seconds(header, None, NOW.timestamp()) == seconds


def test_a_date_is_judged_by_the_servers_own_clock() -> None:
    ahead = NOW + timedelta(minutes=10)
    header = http(ahead + timedelta(seconds=5))
    assert asked_seconds(header, http(ahead), NOW.timestamp()) == 5
    assert asked_seconds(header, "garbage", NOW.timestamp()) == 605


@given(failures=st.integers(1, 10**6), asked=st.floats(0, 10**6), jitter=st.floats(0, 1))
def test_a_pause_is_as_long_as_was_asked_and_else_bounded(failures: int, asked: float, jitter: float) -> None:
    pause = pause_before(failures, asked, jitter)
    assert asked <= pause <= max(asked, LONGEST_PAUSE_SECONDS)


@given(
    failures=st.integers(1, 20),
    pause=st.floats(0, 100),
    has_next=st.booleans(),
    left=st.floats(0, 100) | st.just(float("inf")),
)
def test_tries_end_with_their_number_the_time_and_the_patience(
    failures: int, pause: float, has_next: bool, left: float
) -> None:
    if may_try_again(failures, pause, has_next=has_next, seconds_left=left):
        assert failures < TRIES
        assert pause <= PATIENCE_SECONDS
        assert pause < left


@given(left=st.floats(0, 10**6) | st.just(float("inf")), tiers=st.integers(1, 5))
def test_every_tier_has_its_part_of_the_time(left: float, tiers: int) -> None:
    kept = kept_for_others(left, tiers)
    assert left - kept >= 0
    if left != float("inf"):
        assert left - kept == pytest.approx(left / tiers)
