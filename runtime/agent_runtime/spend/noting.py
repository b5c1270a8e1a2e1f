"""Notes on the audit trail that a cap has stopped a run: once for each run and cap, however often it is tried
again, and by whichever process."""

import logging
import os
from collections.abc import Callable
from typing import Final

from agent_runtime.audit.trail import Trail
from agent_runtime.checkpoint_table import CheckpointTable
from agent_runtime.errors import CheckpointUnavailable
from agent_runtime.records import SCHEMA_VERSION, Lease, Value
from agent_runtime.spend.caps import windows_at

_log = logging.getLogger("agent_runtime.spend")
_MARK: Final = "cap#"


class CapNotes:
    """Of one run. A mark among its items says what was noted; where it cannot be written, the entry may come
    twice. `clock` gives seconds since 1970."""

    def __init__(
        self,
        table: CheckpointTable,
        audit: Trail,
        lease: Lease,
        run_id: str,
        tenant: str,
        clock: Callable[[], float],
    ) -> None:
        self._table, self._audit, self._lease, self._clock = table, audit, lease, clock
        self._run_id, self._tenant = run_id, tenant
        self._seen: set[str] = set()

    def __call__(self, scope: str, cap: str, reason: str, times: int | None = None) -> None:
        """`scope` is whose cap it is: `agent`, `tenant`, `run` or `tree`. `cap` is its window, or what a cap
        of the run's own counts, which people have allowed so many `times`."""
        mark = f"{_MARK}{scope}#{cap}#{self._which(cap) if times is None else times}"
        if mark in self._seen:
            return
        self._seen.add(mark)
        if self._is_first(mark):
            self._audit.record(
                "cap-reached", run_id=self._run_id, tenant=self._tenant, scope=scope, cap=cap, reason=reason
            )

    def _which(self, window: str) -> str:
        """The present one: the same cap in another window is another."""
        now = windows_at(self._clock())
        return {"hour": f"{now.day}-{now.hour}", "month": now.month}.get(window, now.day)

    def _is_first(self, mark: str) -> bool:
        item: dict[str, Value] = {
            "pk": self._lease.pk,
            "sk": mark,
            "schema_version": SCHEMA_VERSION,
            "expires_at": self._lease.expires_at,
            "token": (token := os.urandom(12).hex()),
        }
        try:
            there = self._table.put(item, "attribute_not_exists(pk)")
            return there is None or there.get("token") == token  # whose answer was lost
        except CheckpointUnavailable as error:
            _log.warning("cap not marked as noted", exc_info=error)
            return True
