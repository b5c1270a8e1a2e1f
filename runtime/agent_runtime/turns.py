"""A run's time with its session: taken before the run, extended with it, given back with what it remembers.

The end of a run is written in this order: the new version of the memory, then the session's pointer to it
together with the end of the lease, then the run's own end. A run that dies in between is taken up again from
the version it began with, which its head names, and finds by the pointer whether its version counts already.
"""

import copy
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Any, Final

from agent_runtime.bundle import MemorySpec
from agent_runtime.errors import CheckpointUnavailable, LeaseLost, MemoryGone
from agent_runtime.memory import Memory, memory_text, merged
from agent_runtime.session_keys import session_pk
from agent_runtime.session_records import MemoryPointer, SessionLease
from agent_runtime.sessions import Sessions
from agent_runtime.snapshots import Remembered, Snapshot, Snapshots, following, has_committed

_log = logging.getLogger("agent_runtime.turns")
_RENEWED_BY: Final = 2
"""A version is written anew once it is older than this part of the retention: items and objects in S3 expire
by their own age, and a session may be used for years without a change."""


@dataclass(frozen=True)
class MemoryFigures:
    """What a run left in its session's memory."""

    bytes: int
    gained_bytes: int
    """Against the version before; less than 0 where it shrank."""
    keys: int
    changed: float
    """Share of the keys, before and after, that were set, changed or deleted."""
    contested: int
    """Keys of those that another run had changed since this one began; the later change counts, and the
    version before has the earlier one."""


class Turns:
    """Begins turns of the sessions of one release."""

    def __init__(self, sessions: Sessions, snapshots: Snapshots, spec: MemorySpec) -> None:
        self.sessions: Final = sessions
        self.snapshots: Final = snapshots
        self.spec: Final = spec

    def begin(
        self, tenant: str, session: str, run_id: str, seconds: float, *, comes_back: bool = True
    ) -> "Turn":
        """Raises `SessionBusy` and `SessionElsewhere`."""
        given: Any = {"run_id": run_id, "seconds": seconds, "comes_back": comes_back}
        return Turn(self, self.sessions.take(tenant, session, **given))

    def memory_of(self, tenant: str, session: str, key: str) -> Memory:
        """A version of a session's memory, for whoever commits nothing; empty where it is no longer kept."""
        pk = session_pk(self.sessions.agent, tenant, session)

        def load() -> dict[str, Any]:
            try:
                return self.snapshots.read(pk, key).values
            except MemoryGone:
                return {}

        return Memory(load)


class Turn:
    """One run's lease of its session."""

    def __init__(self, turns: Turns, lease: SessionLease) -> None:
        self.lease: Final = lease
        self._turns = turns
        self._is_over = False
        self._lock = Lock()
        self._began: Remembered | None = None

    @property
    def present(self) -> str:
        """Sort key of the version that a run which begins now begins with."""
        return self.lease.memory.key

    def memory(self, began: str) -> Memory:
        """The memory of a run that began with the version of this sort key."""

        def load() -> dict[str, Any]:
            self._began = self._turns.snapshots.read(self.lease.pk, began)
            return copy.deepcopy(self._began.values)

        return Memory(load)

    def extend(self, seconds: float) -> None:
        """Keep the session with the run. Raises `LeaseLost`."""
        with self._lock:  # or it could come after the write that gives the session back
            if not self._is_over:
                self._turns.sessions.extend(self.lease, seconds)

    def commit(self, memory: Memory) -> MemoryFigures | None:
        """Keep what the run changed and give the session back; None where it changed nothing, or had done so
        before. Raises `LeaseLost`, `MemoryTooLarge`, `ResultNotJson` and `MemoryGone`."""
        changes = memory.changes()
        spec, now = self._turns.spec, int(self._turns.sessions.now() * 1000)
        if not changes and not self._must_renew(now):
            self._release(None)
            return None
        present = self._present()
        if not changes or has_committed(present.snapshot, self.lease.run_id):
            self._release(self._renewed(present, now))
            return None
        values = merged(present.values, changes)
        text = memory_text(values)
        made, dropped = following(
            present.snapshot,
            run_id=self.lease.run_id,
            bundle_id=self._turns.sessions.bundle_id,
            text=text,
            now=now,
            most=spec.snapshots,
            days=spec.snapshot_days,
        )
        if present.snapshot is not None and made.sha256 == present.snapshot.sha256:
            self._release(self._renewed(present, now))
            return None
        self._turns.snapshots.write(self.lease, made, text, expires_at=self._expires_at(now))
        if present.snapshot is None or present.snapshot.bundle_id != made.bundle_id:
            # Before the version counts: a session that is named for nothing does no harm.
            self._turns.snapshots.note_writer(self.lease, made.bundle_id, expires_at=self._expires_at(now))
        self._release(MemoryPointer(made.version, made.key, made.bundle_id, now))
        self._forget(dropped)
        contested = self._contested(present.values, changes)
        if contested:
            _log.warning(
                "memory changed by two runs", extra={"run_id": self.lease.run_id, "keys": len(contested)}
            )
        return _figures(present, made, values, len(changes), len(contested))

    def give_back(self, *, is_awaited: bool = False) -> None:
        """Give the session back without a change, unless `commit` has. A run that `is_awaited` comes back
        soon: its changes come before those of later turns, which begin with what it leaves. What cannot be
        written is logged: the lease runs out."""
        if self._is_over:
            return
        try:
            self._release(None, has_ended=False, is_awaited=is_awaited)
        except (LeaseLost, CheckpointUnavailable) as error:
            _log.warning("session not given back", extra={"run_id": self.lease.run_id}, exc_info=error)

    def _present(self) -> Remembered:
        began = self._began
        if began is not None and (began.snapshot.key if began.snapshot else "") == self.present:
            return began
        return self._turns.snapshots.read(self.lease.pk, self.present)

    def _contested(self, present: Mapping[str, Any], changes: Mapping[str, Any]) -> list[str]:
        began = {} if self._began is None else self._began.values
        return [key for key in changes if began.get(key) != present.get(key)]

    def _must_renew(self, now: int) -> bool:
        age_seconds = (now - self.lease.memory.renewed_at) / 1000
        return bool(self.present) and age_seconds * _RENEWED_BY > self._turns.sessions.retention_seconds

    def _renewed(self, present: Remembered, now: int) -> MemoryPointer | None:
        """The pointer to the same version, once its item and object are as new."""
        if present.snapshot is None or not self._must_renew(now):
            return None
        text = memory_text(present.values)
        self._turns.snapshots.write(self.lease, present.snapshot, text, expires_at=self._expires_at(now))
        was = self.lease.memory
        return MemoryPointer(was.version, was.key, was.bundle_id, now)

    def _expires_at(self, now: int) -> int:
        """A net: readers go by the session's own item and by the versions' times. Seconds since 1970."""
        days = self._turns.spec.snapshot_days * 86_400
        return now // 1000 + days + 2 * self._turns.sessions.retention_seconds

    def _release(
        self, memory: MemoryPointer | None, *, has_ended: bool = True, is_awaited: bool = False
    ) -> None:
        with self._lock:
            self._turns.sessions.release(
                self.lease, has_ended=has_ended, is_awaited=is_awaited, memory=memory
            )
            self._is_over = True

    def _forget(self, keys: Sequence[str]) -> None:
        """The memory counts already, so that nothing of this may fail the run; what stays expires."""
        try:
            for key in keys:
                self._turns.snapshots.forget(self.lease.pk, key)
        except CheckpointUnavailable as error:
            _log.warning("old versions not dropped", extra={"run_id": self.lease.run_id}, exc_info=error)


def _figures(
    before: Remembered, made: Snapshot, values: dict[str, Any], changed: int, contested: int
) -> MemoryFigures:
    was = before.snapshot.bytes if before.snapshot else 0
    keys = len(before.values.keys() | values.keys())
    share = min(1.0, changed / keys) if keys else 0.0
    return MemoryFigures(made.bytes, made.bytes - was, len(values), share, contested)
