"""When a model call that failed is tried again, and when another tier is asked: pure."""

from email.utils import parsedate_to_datetime
from typing import Final

TRIES: Final = 4
"""Of a tier that nothing comes after."""
TRIES_BEFORE_FALLBACK: Final = 2
"""Of any other: one more try rides out a hiccup, and a caller waits for an answer."""
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.5, 8.0
PATIENCE_SECONDS: Final = 30.0
"""Longest pause in which a worker is held; where a provider asks for a longer one the next tier is asked, or
the run is parked for that time."""


def pause_before(failures: int, asked_seconds: float, jitter: float) -> float:
    """Seconds before the next try after so many failures. Full jitter (0 to 1): workers that failed together
    do not come back together; and no earlier than the provider asked for."""
    longest = min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2 ** (min(failures, 10) - 1))
    return max(asked_seconds, jitter * longest)


def may_try_again(failures: int, pause: float, *, has_next: bool, seconds_left: float) -> bool:
    """Whether the same tier is asked again after `pause`."""
    tries = TRIES_BEFORE_FALLBACK if has_next else TRIES
    return failures < tries and pause <= PATIENCE_SECONDS and pause < seconds_left


def kept_for_others(seconds_left: float, tiers_left: int) -> float:
    """Of the time that is left, what a try of the first of so many tiers leaves to the others."""
    return 0.0 if seconds_left == float("inf") else seconds_left * (tiers_left - 1) / tiers_left


def asked_seconds(header: str | None, date: str | None, now: float) -> float:
    """Seconds that a `Retry-After` asks for: a number, or an HTTP date. `date` is the answer's own `Date`,
    so that the server's clock judges the server's time; without one `now` does, in seconds since 1970.
    https://www.rfc-editor.org/rfc/rfc9110#field.retry-after
    """
    text = (header or "").strip()
    if text.isascii() and text.isdecimal():
        return float(text[:9])
    until, sent = _time(text), _time(date or "")
    return 0.0 if until is None else max(0.0, until - (now if sent is None else sent))


def _time(text: str) -> float | None:
    try:
        return parsedate_to_datetime(text).timestamp() if text else None
    except (ValueError, TypeError, OverflowError):
        return None
