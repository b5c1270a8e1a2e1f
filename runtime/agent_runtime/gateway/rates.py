"""How often a tool is called for one tenant in a minute, counted where all copies of the gateway see it."""

import time
from collections.abc import Callable
from typing import Final

from agent_runtime.checkpoint_table import CheckpointTable
from agent_runtime.hosts.problems import Problem
from agent_runtime.records import SCHEMA_VERSION

_MINUTE: Final = 60
_KEPT_SECONDS: Final = 3600


class Rates:
    """Counters in the gateway's table, one for each minute by the clock: around its turn two minutes' calls
    may come together. `clock` gives seconds since 1970."""

    def __init__(self, table: CheckpointTable, clock: Callable[[], float] = time.time) -> None:
        self._table = table
        self._clock = clock

    def count(self, tool: str, tenant: str, most: int) -> None:
        """Raises `Problem` 429 with the seconds to the next minute, and `CheckpointUnavailable`: what cannot
        be counted is not let through."""
        now = int(self._clock())
        minute = now // _MINUTE
        done = self._table.update(
            {"pk": f"rate#{tool}#{tenant}", "sk": f"{minute:010d}"},
            {"schema_version": SCHEMA_VERSION, "expires_at": now + _KEPT_SECONDS},
            "attribute_not_exists(#calls) OR #calls < :most",
            {":most": most},
            increments=("calls",),
        )
        if not done.is_written:
            wait = (minute + 1) * _MINUTE - now
            detail = f"{most} calls a minute are let through for each tenant"
            raise Problem(429, "rate-limited", "The tool is called too often", detail, retry_after=wait)
