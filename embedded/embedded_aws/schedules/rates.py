"""Rate expressions: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html"""

import re
from datetime import timedelta

RATE = re.compile(
    r"rate\((?:(?P<one>1) (?P<unit>minute|hour|day)|(?P<many>\d+) (?P<units>minute|hour|day)s)\)"
)
"""The unit is singular for 1 and plural for all other values."""


def is_valid(expression: str) -> bool:
    """Whether AWS takes a rate; cron expressions are not looked into."""
    return not expression.startswith("rate(") or period(expression) is not None


def period(expression: str | None) -> timedelta | None:
    """How often a rate runs; None for anything else, and for what is no valid rate."""
    found = RATE.fullmatch(expression or "")
    if found is None or found["many"] in ("0", "1"):
        return None
    unit, count = found["unit"] or found["units"], int(found["one"] or found["many"])
    return timedelta(**{f"{unit}s": count})
