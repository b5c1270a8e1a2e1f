"""What a session is, from its item and to it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from agent_runtime.records import Value


@dataclass(frozen=True)
class MemoryPointer:
    """Which snapshot is a session's memory."""

    version: int = 0
    """0 before anything was remembered."""
    key: str = ""
    """Sort key of the snapshot, empty at version 0."""
    bundle_id: str = ""
    """The release that wrote it."""
    renewed_at: int = 0
    """Milliseconds since 1970 at which it was last written, for what expires by age."""


@dataclass(frozen=True)
class SessionRecord:
    """A session as its item tells it. Times are milliseconds since 1970."""

    tenant: str
    session: str
    bundle_id: str
    """The release that it is pinned to."""
    owner: str
    """Who holds its lease, or held it last."""
    address: str
    """Where that one can be reached: a hint, empty where it cannot."""
    lease_expires_at: int
    """0 once it was given back; the time of that, where the run is awaited that gave it back."""
    epoch: int
    turns: int
    """Runs of it that have ended."""
    memory: MemoryPointer

    @property
    def memory_version(self) -> int:
        return self.memory.version

    def is_held(self, now: float) -> bool:
        """Whether somebody's lease is not over at `now`, in seconds since 1970."""
        return self.lease_expires_at > now * 1000


@dataclass(frozen=True)
class SessionLease:
    """The right to work on a session for the time of one run. The epoch only grows; `birth` tells a session
    from an expired one of the same name."""

    pk: str
    tenant: str
    session: str
    run_id: str
    epoch: int
    birth: str
    memory: MemoryPointer
    """As it stood when the session was taken; nobody else can move it while the lease holds."""
    last_run: str
    """The run that ended last, so that one which ends twice counts as one turn."""


def pointer_from(item: Mapping[str, Any]) -> MemoryPointer:
    return MemoryPointer(
        item.get("memory_version", 0),
        item.get("memory_key", ""),
        item.get("memory_bundle", ""),
        item.get("memory_renewed_at", 0),
    )


def pointed(memory: MemoryPointer) -> dict[str, Value]:
    return {
        "memory_version": memory.version,
        "memory_key": memory.key,
        "memory_bundle": memory.bundle_id,
        "memory_renewed_at": memory.renewed_at,
    }


def session_lease_from(item: Mapping[str, Any]) -> SessionLease:
    return SessionLease(
        pk=item["pk"],
        tenant=item["tenant"],
        session=item["session"],
        run_id=item["run_id"],
        epoch=item["epoch"],
        birth=item["birth"],
        memory=pointer_from(item),
        last_run=item.get("last_run", ""),
    )


def session_record_from(item: Mapping[str, Any]) -> SessionRecord:
    return SessionRecord(
        tenant=item["tenant"],
        session=item["session"],
        bundle_id=item["bundle_id"],
        owner=item["owner"],
        address=item["address"],
        lease_expires_at=item["lease_expires_at"],
        epoch=item["epoch"],
        turns=item.get("turns", 0),
        memory=pointer_from(item),
    )
