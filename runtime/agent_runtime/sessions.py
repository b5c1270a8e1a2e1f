"""Sessions of agents with memory: which release serves one, who works on it, and where its memory stands.

One item a session. Two owners never serve one at the same time: a lease is taken for a turn by one
conditional write that raises the epoch, and every later write of its holder names that epoch. As with runs,
wall clocks decide only when somebody may try to take over. A turn whose owner died, or gave it back in its
middle, has `GRACE_SECONDS` to be taken up again before another one begins, where its message comes back: its
changes come before theirs. A session stays on the release that took it first, until `repin` moves it.
"""

import math
import os
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from agent_runtime.checkpoint_table import CheckpointTable
from agent_runtime.errors import LeaseLost, SessionBusy, SessionElsewhere
from agent_runtime.heads import GRACE_SECONDS, lease_milliseconds, without_hash
from agent_runtime.records import SCHEMA_VERSION, Value
from agent_runtime.session_keys import SESSION, session_pk
from agent_runtime.session_records import (
    MemoryPointer,
    SessionLease,
    SessionRecord,
    pointed,
    session_lease_from,
    session_record_from,
)

_NOT_HELD: Final = 0


class Sessions:
    """The sessions of one agent, for one owner: a pod, a worker or a function. `clock` gives seconds since
    1970. All calls raise `CheckpointUnavailable`."""

    def __init__(
        self,
        table: CheckpointTable,
        *,
        agent: str,
        bundle_id: str,
        owner: str,
        address: str = "",
        checkpoint_version: int | None = None,
        retention_days: int = 30,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """A session that has had no turn for `retention_days` is forgotten, and its memory with it.
        `checkpoint_version` is the bundle's, by which another release may go on with a session of this one.
        """
        self.table: Final = table
        self.agent: Final = without_hash("agent", agent)
        self.bundle_id: Final = bundle_id
        self.checkpoint_version: Final = str(checkpoint_version or "")
        self.retention_seconds: Final = retention_days * 86_400
        self._owner = owner
        self._address = address
        self._clock = clock

    def find(self, tenant: str, session: str) -> SessionRecord | None:
        """The session, or None; an expired one is absent even before DynamoDB deletes it."""
        item = self.table.get(_key(session_pk(self.agent, tenant, session)))
        return None if item is None or item["expires_at"] <= self.now() else session_record_from(item)

    def take(
        self, tenant: str, session: str, *, run_id: str, seconds: float, comes_back: bool = True
    ) -> SessionLease:
        """Take the session for a run; a new one is pinned to this release. One write, two for a new session.
        A run that `comes_back` by itself if its owner dies is waited for; without a message it is not.

        Raises `SessionElsewhere` when it is pinned to another release, and `SessionBusy` while another run
        or another owner holds it.
        """
        lease = self._take(tenant, session, run_id, seconds, is_pinned_here=True, comes_back=comes_back)
        assert lease is not None  # a session that is not there is begun
        return lease

    def take_anywhere(self, tenant: str, session: str, *, run_id: str, seconds: float) -> SessionLease | None:
        """Take a session whatever release it is pinned to, for work on its memory alone; None if there is no
        such session. Raises `SessionBusy`."""
        return self._take(tenant, session, run_id, seconds, is_pinned_here=False, comes_back=False)

    def extend(self, lease: SessionLease, seconds: float) -> None:
        """Keep the session for `seconds` from now. Raises `LeaseLost`."""
        self._update(lease, {"lease_expires_at": self._milliseconds() + lease_milliseconds(seconds)})

    def release(
        self,
        lease: SessionLease,
        *,
        has_ended: bool = False,
        is_awaited: bool = False,
        memory: MemoryPointer | None = None,
    ) -> None:
        """Give the session back, in the same write with the turn that `has_ended` and with what the memory
        is from now on. A run that `is_awaited` may take it again at once, and others after `GRACE_SECONDS`.
        Raises `LeaseLost`, and then nothing is written."""
        changes: dict[str, Value] = {"lease_expires_at": self._milliseconds() if is_awaited else _NOT_HELD}
        if memory is not None:
            changes |= pointed(memory)
        is_counted = has_ended and lease.last_run != lease.run_id
        if is_counted:
            changes |= {"last_run": lease.run_id}
        self._update(lease, changes, increments=("turns",) if is_counted else ())

    def repin(self, tenant: str, session: str, from_bundle: str, to_bundle: str) -> bool:
        """Move a session that nobody holds from one release to another; whether it is there now."""
        token, now = os.urandom(12).hex(), self._milliseconds()
        is_as_said = "bundle_id = :from AND lease_expires_at <= :now"
        done = self.table.update(
            _key(session_pk(self.agent, tenant, session)),
            {"bundle_id": to_bundle, "holder": token, "updated_at": now, "address": ""},
            is_as_said,
            {":from": from_bundle, ":now": now},
        )
        return done.is_written or done.item.get("bundle_id") == to_bundle

    def now(self) -> float:
        """Seconds since 1970, by the sessions' clock."""
        return self._clock()

    def _take(
        self,
        tenant: str,
        session: str,
        run_id: str,
        seconds: float,
        *,
        is_pinned_here: bool,
        comes_back: bool,
    ) -> SessionLease | None:
        pk, token, now = session_pk(self.agent, tenant, session), os.urandom(12).hex(), self._milliseconds()
        held: dict[str, Value] = {
            "owner": self._owner,
            "address": self._address,
            "run_id": run_id,
            "lease_expires_at": now + lease_milliseconds(seconds),
            "comes_back": int(comes_back),
            "updated_at": now,
            "holder": token,
            "expires_at": now // 1000 + self.retention_seconds,
        }
        is_over, lives, is_ours = "lease_expires_at <= :ms", "expires_at > :now", "bundle_id = :bundle"
        is_not_awaited = "comes_back = :no OR lease_expires_at <= :ms_of_others"
        is_free = f"{is_over} AND (run_id = :run OR {is_not_awaited})"
        values: dict[str, Value] = {":ms": now, ":now": now // 1000, ":run": run_id, ":no": 0}
        values |= {":ms_of_others": now - GRACE_SECONDS * 1000}
        done = self.table.update(
            _key(pk),
            held,
            f"{is_free} AND {lives}" + (f" AND {is_ours}" if is_pinned_here else ""),
            values | ({":bundle": self.bundle_id} if is_pinned_here else {}),
            increments=("epoch",),
            returning=True,
        )
        found = done.item
        if done.is_written or found.get("holder") == token:
            return session_lease_from(found)
        if not found or found["expires_at"] <= now // 1000:
            if not is_pinned_here:
                return None
            fresh = self._fresh(tenant, session, pk, token, now, found) | held
            there = self._begin(fresh, found)
            if there is None:
                return session_lease_from(fresh)
            found = there
        raise self._refusal(session, found, run_id, now, is_pinned_here=is_pinned_here)

    def _fresh(
        self, tenant: str, session: str, pk: str, token: str, now: int, expired: Mapping[str, Any]
    ) -> dict[str, Value]:
        """A session that begins; its epoch goes on from the expired one's, whose holder may still write."""
        return {
            "pk": pk,
            "sk": SESSION,
            "schema_version": SCHEMA_VERSION,
            "tenant": tenant,
            "session": session,
            "bundle_id": self.bundle_id,
            "checkpoint_version": self.checkpoint_version,
            "epoch": expired.get("epoch", 0) + 1,
            "birth": f"{now:015d}-{token}",
            "turns": 0,
            "created_at": now,
        }

    def _begin(self, fresh: Mapping[str, Value], expired: Mapping[str, Any]) -> dict[str, Any] | None:
        """Put a new session, or give back the one that somebody else has begun in the meantime."""
        condition, values = "attribute_not_exists(pk)", None
        if expired:
            condition, values = "birth = :birth AND expires_at = :ends", {}
            values = {":birth": expired["birth"], ":ends": expired["expires_at"]}
        found = self.table.put(fresh, condition, values)
        return None if found is None or found.get("holder") == fresh["holder"] else found

    def _refusal(
        self, session: str, found: Mapping[str, Any], run_id: str, now: int, *, is_pinned_here: bool
    ) -> SessionBusy | SessionElsewhere:
        owner, address = found.get("owner", ""), found.get("address", "")
        if found and is_pinned_here and found["bundle_id"] != self.bundle_id:
            return SessionElsewhere(
                f"session {session} is pinned to bundle {found['bundle_id']}, this is {self.bundle_id}",
                found["bundle_id"],
                address,
                found.get("checkpoint_version", ""),
            )
        is_awaited = found.get("comes_back", 1) and found.get("run_id") != run_id
        grace = GRACE_SECONDS if is_awaited else 0
        wait = max(1, math.ceil((found.get("lease_expires_at", now) - now) / 1000) + grace)
        return SessionBusy(f"session {session} is in another turn, on {owner}", owner, address, wait)

    def _update(
        self, lease: SessionLease, changes: Mapping[str, Value], *, increments: tuple[str, ...] = ()
    ) -> None:
        """One write by whoever holds the session. One that was given back is no longer held, although its
        epoch is the same; the token tells a second sending of this very write from that."""
        token = os.urandom(12).hex()
        is_held = "birth = :birth AND #epoch = :epoch AND lease_expires_at > :none"
        done = self.table.update(
            _key(lease.pk),
            {**changes, "holder": token, "updated_at": self._milliseconds()},
            is_held,
            {":birth": lease.birth, ":epoch": lease.epoch, ":none": _NOT_HELD},
            increments=increments,
        )
        if not done.is_written and done.item.get("holder") != token:
            raise LeaseLost(f"session {lease.session} is no longer held at epoch {lease.epoch}")

    def _milliseconds(self) -> int:
        return int(self._clock() * 1000)


def _key(pk: str) -> dict[str, Value]:
    return {"pk": pk, "sk": SESSION}
