"""Caps as an environment declares them, and the amounts that they are compared with.

Amounts are whole billionths of a US dollar: sums of floats would drift, and a call may cost a millionth.
"""

import math
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

NANOS_PER_USD: Final = 1_000_000_000
SCHEDULE_TENANT: Final = "schedule:"
"""Begins the tenant that a schedule's runs are charged to; no caller may have such a name."""
ALERT_PERCENT, BRAKE_PERCENT = 80, 100
Usd = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1)]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class WindowCaps(_Frozen):
    """Caps by the hour, the day and the month, in UTC. Absent: no cap for that window."""

    hour_usd: Usd | None = None
    day_usd: Usd | None = None
    month_usd: Usd | None = None


class RunCaps(_Frozen):
    """Caps of one run and of all runs that it begins. Absent: none but the manifest's own limits."""

    usd: Usd | None = None
    tokens: Count | None = None
    """Input and output together."""
    model_calls: Count | None = None
    tool_calls: Count | None = None
    steps: Count | None = None


class SpendCaps(_Frozen):
    """All caps of one agent in one environment."""

    run: RunCaps = RunCaps()
    tenant: WindowCaps = WindowCaps()
    """Of each tenant."""
    agent: WindowCaps = WindowCaps()
    schedules: dict[str, WindowCaps] = Field(default_factory=dict[str, WindowCaps])
    """Of the runs that a schedule begins, by its name, in place of a tenant's."""
    roots: tuple[str, ...] = ()
    """Agents whose runs may have this agent's runs begun at their expense, beside itself."""
    grace_seconds: float = Field(default=0, ge=0, le=300)
    """How long calls go on uncounted when the ledger's table cannot be reached. Defaults to 0: they stop."""

    def of_tenant(self, tenant: str) -> WindowCaps:
        """The caps of one tenant, or of the schedule that takes a tenant's place."""
        if tenant.startswith(SCHEDULE_TENANT):
            return self.schedules.get(tenant.removeprefix(SCHEDULE_TENANT), self.tenant)
        return self.tenant


class Windows(NamedTuple):
    """The windows that a moment lies in, as the ledger's items name them."""

    day: str
    """Such as 2027-01-15, the sort key of the day's item."""
    hour: str
    """Such as h08, the attribute of the hour in it."""

    @property
    def month(self) -> str:
        return self.day[:7]


def windows_at(now: float) -> Windows:
    """`now` is seconds since 1970."""
    at = datetime.fromtimestamp(now, UTC)
    return Windows(at.strftime("%Y-%m-%d"), at.strftime("h%H"))


def window_of(attribute: str) -> str:
    """`hour`, `day` or `month`, by the attribute that sums it."""
    return attribute if attribute in ("day", "month") else "hour"


def seconds_left(window: str, now: float) -> int:
    """Whole seconds until the `hour`, `day` or `month` of `now` is over, at least 1; `now` is seconds since
    1970."""
    at = datetime.fromtimestamp(now, UTC)
    midnight = at.replace(hour=0, minute=0, second=0, microsecond=0)
    ends = {
        "hour": at.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1),
        "day": midnight + timedelta(days=1),
        "month": (midnight.replace(day=1) + timedelta(days=32)).replace(day=1),
    }[window]
    return max(1, math.ceil((ends - at).total_seconds()))


def nanos(usd: float) -> int:
    """Rounded up, so that many small amounts are never taken for nothing."""
    return math.ceil(round(usd * NANOS_PER_USD, 3))


def usd(amount: int) -> float:
    """US dollars of an amount."""
    return amount / NANOS_PER_USD


def attribute_caps(caps: WindowCaps, windows: Windows) -> dict[str, int]:
    """Caps by the attribute of the day's item that they bound."""
    given = {windows.hour: caps.hour_usd, "day": caps.day_usd, "month": caps.month_usd}
    return {attribute: nanos(cap) for attribute, cap in given.items() if cap is not None}


def percent_used(spent: dict[str, int], caps: WindowCaps, windows: Windows) -> dict[str, float]:
    """How much of each cap the day's item `spent` says is used, by attribute."""
    return {
        attribute: 100 * spent.get(attribute, 0) / cap
        for attribute, cap in attribute_caps(caps, windows).items()
    }
