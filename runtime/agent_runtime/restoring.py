"""Brings a version of a session's memory back: as a new version with the old content, which loses nothing.

Whoever restores takes the session's lease as a turn does, so that no turn is under way meanwhile and none
that was under way can write after it.
"""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final

from agent_runtime.errors import CheckpointBlobLost, MemoryGone, SessionBusy
from agent_runtime.memory import memory_text
from agent_runtime.session_keys import session_pk
from agent_runtime.session_records import MemoryPointer, SessionLease
from agent_runtime.sessions import Sessions
from agent_runtime.snapshots import Snapshot, Snapshots, following

LEASE_SECONDS: Final = 30.0
PAGE: Final = 100
MOST_PAGES: Final = 10_000
"""Bound of one round: a million sessions."""
Choose = Callable[[list[Snapshot]], "Snapshot | None"]


class Outcome(StrEnum):
    """What became of one session."""

    RESTORED = "restored"
    UNCHANGED = "unchanged"
    """The version is the present one, or what is there was not written by the release in question."""
    BUSY = "busy"
    """A turn of it goes on: to be tried again."""
    NO_EARLIER = "no earlier version"
    """Only the release in question has written to it, or what was there before is no longer kept."""
    GONE = "gone"
    """It has expired, or its content cannot be read."""


@dataclass(frozen=True)
class Restored:
    """One session's part of a report."""

    tenant: str
    session: str
    outcome: Outcome
    was: int = 0
    """The present version before."""
    content_of: int = 0
    """The version whose content it has now."""
    version: int = 0
    """The new one."""


class Restorer:
    """Restores memories of one agent's sessions. All calls raise `CheckpointUnavailable`."""

    def __init__(self, sessions: Sessions, snapshots: Snapshots) -> None:
        self._sessions = sessions
        self._snapshots = snapshots

    def versions(self, tenant: str, session: str) -> list[Snapshot]:
        """What is kept of a session, newest first; nothing of one that is not there. Raises `MemoryGone`."""
        found = self._sessions.find(tenant, session)
        if found is None:
            return []
        return self._snapshots.kept(self._pk(tenant, session), found.memory.key)

    def content(self, tenant: str, session: str, version: int | None = None) -> dict[str, Any]:
        """What a version holds, the present one unless one is named. Raises `MemoryGone`."""
        kept = self.versions(tenant, session)
        wanted = [snapshot for snapshot in kept if version in (None, snapshot.version)]
        if not wanted:
            raise MemoryGone(_not_kept(version, kept))
        return self._snapshots.read(self._pk(tenant, session), wanted[0].key).values

    def restore(self, tenant: str, session: str, version: int, why: str) -> Restored:
        """Give a session the content of a version that is kept. Raises `MemoryGone` and `SessionBusy`."""

        def the_one(kept: list[Snapshot]) -> Snapshot | None:
            found = [snapshot for snapshot in kept if snapshot.version == version]
            if not found:
                raise MemoryGone(_not_kept(version, kept))
            return found[0]

        return self._restore(tenant, session, the_one, why)

    def take_back(self, bundle_id: str, why: str) -> Iterator[Restored]:
        """Give each session that a release has written to the content of its last version that another one
        wrote. May be called again, and then does what is left."""
        cursor = ""
        for _ in range(MOST_PAGES):
            page = self._snapshots.written_by(bundle_id, after=cursor, most=PAGE)
            for _, tenant, session in page:
                yield self._taken_back(tenant, session, bundle_id, why)
            if len(page) < PAGE:
                return
            cursor = page[-1][0]

    def _taken_back(self, tenant: str, session: str, bundle_id: str, why: str) -> Restored:
        def another_s(kept: list[Snapshot]) -> Snapshot | None:
            return next((snapshot for snapshot in kept if snapshot.bundle_id != bundle_id), None)

        found = self._sessions.find(tenant, session)
        if found is not None and found.memory.bundle_id != bundle_id:
            return Restored(tenant, session, Outcome.UNCHANGED, was=found.memory_version)
        try:
            return self._restore(tenant, session, another_s, why)
        except SessionBusy:
            return Restored(tenant, session, Outcome.BUSY)
        except (CheckpointBlobLost, MemoryGone):
            return Restored(tenant, session, Outcome.GONE)

    def _restore(self, tenant: str, session: str, choose: Choose, why: str) -> Restored:
        run_id = f"restore-{os.urandom(8).hex()}"
        lease = self._sessions.take_anywhere(tenant, session, run_id=run_id, seconds=LEASE_SECONDS)
        if lease is None:
            return Restored(tenant, session, Outcome.GONE)
        pointer = None
        try:
            kept = self._snapshots.kept(lease.pk, lease.memory.key)
            wanted = choose(kept)
            if wanted is None:
                return Restored(tenant, session, Outcome.NO_EARLIER, was=lease.memory.version)
            if wanted.key == lease.memory.key:
                return Restored(tenant, session, Outcome.UNCHANGED, was=wanted.version)
            pointer = self._written(lease, kept[0], wanted, run_id, why)
            was = lease.memory.version
            return Restored(tenant, session, Outcome.RESTORED, was, wanted.version, pointer.version)
        finally:
            self._sessions.release(lease, memory=pointer)

    def _written(
        self, lease: SessionLease, present: Snapshot, wanted: Snapshot, run_id: str, why: str
    ) -> MemoryPointer:
        now = int(self._sessions.now() * 1000)
        text = memory_text(self._snapshots.read(lease.pk, wanted.key).values)
        made, _ = following(
            present,
            run_id=run_id,
            bundle_id=wanted.bundle_id,
            text=text,
            now=now,
            most=present.most,
            days=present.days,
        )
        # What falls out of the count now expires by its age: nothing is dropped on the way back.
        expires_at = now // 1000 + present.days * 86_400 + 2 * self._sessions.retention_seconds
        self._snapshots.write(lease, replace(made, why=why), text, expires_at=expires_at)
        return MemoryPointer(made.version, made.key, made.bundle_id, now)

    def _pk(self, tenant: str, session: str) -> str:
        return session_pk(self._sessions.agent, tenant, session)


def _not_kept(version: int | None, kept: list[Snapshot]) -> str:
    numbers = ", ".join(str(snapshot.version) for snapshot in kept) or "none"
    return f"version {version} of the session's memory is not kept; kept are {numbers}"
