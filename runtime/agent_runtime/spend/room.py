"""Whether an agent and a tenant have anything left to spend, for those who let runs in: the ledger decides on
each call, but a run that can pay for none should not begin.

A cap is full when all of it is used, or when a call was refused for which too little is left. Such a refusal
is marked in the day's item with what the smallest refused call asked for, and counts once half of the cap is
used: one caller who asks for too much shuts nobody out.
"""

import logging
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from agent_runtime.checkpoint_table import CheckpointTable
from agent_runtime.errors import CapReached, CheckpointUnavailable, ParentRefused
from agent_runtime.spend.accounts import agent_pk, tenant_pk
from agent_runtime.spend.caps import (
    SpendCaps,
    WindowCaps,
    Windows,
    attribute_caps,
    seconds_left,
    usd,
    window_of,
    windows_at,
)
from agent_runtime.spend.pots import PotReference

_log = logging.getLogger("agent_runtime.spend")
LOOK_SECONDS: Final = 5.0
"""How late a cap that is full may be noticed, and one read of an account in that time at most."""
MOST_TENANTS: Final = 1000
"""Accounts that are remembered."""


def refused_mark(attribute: str) -> str:
    """Attribute with the amount of the smallest call that this window's cap has refused."""
    return f"refused_{attribute}"


def full(
    scope: str, day: Mapping[str, Any], caps: WindowCaps, windows: Windows, now: float
) -> CapReached | None:
    """The first cap that leaves no room, by the item of the day. `now` is seconds since 1970."""
    for attribute, cap in attribute_caps(caps, windows).items():
        spent, refused = int(day.get(attribute, 0)), int(day.get(refused_mark(attribute), 0))
        is_refusing = 0 < cap - spent < refused and 2 * spent >= cap
        if spent >= cap or is_refusing:
            window = window_of(attribute)
            seconds = seconds_left(window, now)
            return CapReached(scope, window, usd(spent), usd(cap), usd(refused), retry_after_seconds=seconds)
    return None


def check_parent(agent: str, caps: SpendCaps | None, parent: str | None) -> None:
    """Raises `ParentRefused`. The pot itself is asked at each call: it may be closed by then."""
    if parent is None:
        return
    found = PotReference.read(parent)
    if caps is None or found is None or found.agent not in {agent, *caps.roots}:
        raise ParentRefused(
            "`parent` must come from `run.share()` of this agent, or of one that its `spend.roots` names"
        )


class Room:
    """Looks at one agent's sums. `clock` gives seconds since 1970, `monotonic` any seconds."""

    def __init__(
        self,
        table: CheckpointTable,
        agent: str,
        caps: SpendCaps,
        *,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._table, self._agent, self._caps = table, agent, caps
        self._clock, self._monotonic = clock, monotonic
        self._seen: dict[str, tuple[float, str, dict[str, Any]]] = {}

    def check(self, tenant: str, parent: str | None = None) -> None:
        """Raises `CapReached` where the agent or the tenant has nothing left, `ParentRefused` where the tree
        that `parent` refers to is none that this agent may join, and `CheckpointUnavailable`."""
        check_parent(self._agent, self._caps, parent)
        now = self._clock()
        windows = windows_at(now)
        for scope, pk, caps in (
            ("agent", agent_pk(self._agent), self._caps.agent),
            ("tenant", tenant_pk(self._agent, tenant), self._caps.of_tenant(tenant)),
        ):
            if not attribute_caps(caps, windows):
                continue
            if (found := full(scope, self._day(pk, windows.day), caps, windows, now)) is not None:
                raise found

    def left(self, tenant: str) -> float:
        """Share of the tightest cap of the agent and the tenant that is left, 0 to 1; nothing where that
        cannot be told, so that doubt makes nobody spend more."""
        windows = windows_at(self._clock())
        share = 1.0
        try:
            for pk, caps in (
                (agent_pk(self._agent), self._caps.agent),
                (tenant_pk(self._agent, tenant), self._caps.of_tenant(tenant)),
            ):
                held = attribute_caps(caps, windows)
                day = self._day(pk, windows.day) if held else {}
                share = min([share, *(1 - int(day.get(name, 0)) / cap for name, cap in held.items())])
        except CheckpointUnavailable as error:
            _log.warning("budget not read", exc_info=error)
            return 0.0
        return max(0.0, share)

    def _day(self, pk: str, day: str) -> dict[str, Any]:
        seen = self._seen.get(pk)
        if seen is not None and seen[1] == day and self._monotonic() - seen[0] < LOOK_SECONDS:
            return seen[2]
        item = self._table.get({"pk": pk, "sk": day}) or {}
        if len(self._seen) >= MOST_TENANTS:
            self._seen.clear()
        self._seen[pk] = (self._monotonic(), day, item)
        return item
