"""When the expression of a schedule is due: rates, single times and cron expressions.

https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html
"""

import re
from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo

from embedded_aws.schedules import cron
from embedded_aws.schedules.rates import period

_AT = re.compile(r"at\((\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\)")


def first(expression: str, now: datetime, timezone: str | None = None) -> datetime | None:
    """When a schedule that is enabled `now` is due for the first time; None for never, or for what cannot be
    read."""
    zone = _zone(timezone)
    if zone is None:
        return None
    if (every := period(expression)) is not None:
        return now + every
    if (found := _AT.fullmatch(expression)) is not None:
        at = datetime.fromisoformat(found[1]).replace(tzinfo=zone).astimezone(UTC)
        return at if at >= now else None
    read = cron.parse(expression)
    return None if read is None else read.next_after(now, zone)


def following(expression: str, at: datetime, now: datetime, timezone: str | None = None) -> datetime | None:
    """When it is due after it was `at`: the first time behind `now`, since what was missed is not made up."""
    if (every := period(expression)) is not None:
        return at + every * ((now - at) // every + 1)
    return None if _AT.fullmatch(expression) else first(expression, max(at, now), timezone)


def is_read(expression: str, timezone: str | None = None) -> bool:
    """Whether its times are known."""
    known = period(expression) is not None or _AT.fullmatch(expression) or cron.parse(expression)
    return bool(known) and _zone(timezone) is not None


def _zone(timezone: str | None) -> tzinfo | None:
    """UTC where none is given."""
    if timezone in (None, "", "UTC"):
        return UTC
    try:
        return ZoneInfo(str(timezone))
    except (KeyError, ValueError, OSError):
        return None
