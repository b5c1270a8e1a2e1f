"""Versions of a session's memory: each an item that is written once and then only forgotten.

A snapshot names the versions before it that are kept, newest first. What a run wrote that died before its
version became the session's memory is named by none, and expires.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from agent_runtime.blobs import BlobStore
from agent_runtime.checkpoint_table import CheckpointTable
from agent_runtime.errors import LeaseLost, MemoryGone
from agent_runtime.records import SCHEMA_VERSION, Value
from agent_runtime.session_keys import (
    FIRST_SNAPSHOT,
    LAST_SNAPSHOT,
    session_blobs,
    snapshot_key,
    snapshot_run,
    snapshot_version,
    writer_pk,
)
from agent_runtime.session_records import SessionLease

REMEMBERED_RUNS: Final = 100
"""Runs whose commits a session knows: one that is taken up again after more of others lays its changes over
theirs once more."""
_SHOWN: Final = ("version", "bundle_id", "run_id", "created_at", "bytes", "sha256", "why", "lineage")


@dataclass(frozen=True)
class Snapshot:
    """One version, without what is in it. Times are milliseconds since 1970."""

    version: int
    bundle_id: str
    """The release that wrote it."""
    run_id: str
    created_at: int
    bytes: int
    sha256: str
    why: str = ""
    """Of one that a person restored."""
    kept: tuple[tuple[str, int], ...] = ()
    """Sort key and time of the versions before it that are kept, newest first."""
    runs: tuple[str, ...] = ()
    """Runs that made the versions before it, the newest first."""
    most: int = 20
    days: int = 30
    """How its release keeps versions: so many, and for so long once they are no longer the present one."""

    @property
    def key(self) -> str:
        return snapshot_key(self.version, self.run_id)


@dataclass(frozen=True)
class Remembered:
    """What a session remembers, and the version it is of; None before anything was remembered."""

    snapshot: Snapshot | None = None
    values: dict[str, Any] = field(default_factory=dict[str, Any])


class Snapshots:
    """Versions of the sessions of one agent. `clock` gives seconds since 1970. All calls raise
    `CheckpointUnavailable`."""

    def __init__(
        self, table: CheckpointTable, blobs: BlobStore, agent: str, clock: Callable[[], float]
    ) -> None:
        self._table = table
        self._blobs = blobs
        self._agent = agent
        self._clock = clock

    def read(self, pk: str, key: str) -> Remembered:
        """The version of a sort key; of an empty key, nothing. Raises `MemoryGone` and
        `CheckpointBlobLost`."""
        if not key:
            return Remembered()
        item = self._table.get({"pk": pk, "sk": key})
        if item is None or ("body" not in item and "body_blob" not in item):
            raise MemoryGone(f"version {snapshot_version(key)} of the session's memory is no longer kept")
        text = self._blobs.load(item.get("body"), item.get("body_blob")) or "{}"
        return Remembered(_snapshot(item), json.loads(text))

    def write(self, lease: SessionLease, made: Snapshot, text: str, *, expires_at: int) -> None:
        """Write a version, again with the same effect. Raises `LeaseLost` where a later owner of the session
        has written it."""
        prefix = f"{session_blobs(self._agent, lease.tenant, lease.session)}/memory-{made.version:010d}"
        inline, blob = self._blobs.spill(prefix, text)
        is_new, is_of_an_expired = "attribute_not_exists(pk)", "birth < :birth"
        is_not_later = "birth = :birth AND epoch <= :epoch"
        found = self._table.put(
            {
                "pk": lease.pk,
                "sk": made.key,
                "schema_version": SCHEMA_VERSION,
                "birth": lease.birth,
                "epoch": lease.epoch,
                "expires_at": expires_at,
                "version": made.version,
                "bundle_id": made.bundle_id,
                "run_id": made.run_id,
                "created_at": made.created_at,
                "bytes": made.bytes,
                "sha256": made.sha256,
                "why": made.why or None,
                "lineage": json.dumps(
                    {"kept": made.kept, "runs": made.runs, "most": made.most, "days": made.days}
                ),
                "body": inline,
                "body_blob": blob,
            },
            f"{is_new} OR {is_of_an_expired} OR ({is_not_later})",
            {":birth": lease.birth, ":epoch": lease.epoch},
        )
        if found is not None:
            raise LeaseLost(f"version {made.version} of the memory was written in epoch {found.get('epoch')}")

    def note_writer(self, lease: SessionLease, bundle_id: str, *, expires_at: int) -> None:
        """Note that a release has begun to write to the session, for whoever takes its memory back."""
        self._table.put(
            {
                "pk": writer_pk(self._agent, bundle_id),
                "sk": lease.pk,
                "schema_version": SCHEMA_VERSION,
                "tenant": lease.tenant,
                "session": lease.session,
                "expires_at": expires_at,
            }
        )

    def written_by(self, bundle_id: str, *, after: str, most: int) -> list[tuple[str, str, str]]:
        """Sessions that a release has written to: up to `most` of them as (cursor, tenant, session), those
        after a cursor."""
        pk = writer_pk(self._agent, bundle_id)
        found = self._table.query(pk, f"{after or self._agent}!", "~", most=most)
        return [(item["sk"], item["tenant"], item["session"]) for item in found]

    def forget(self, pk: str, key: str) -> None:
        """Drop what is in a version; DynamoDB deletes the rest: the agent's role may delete nothing."""
        changes: dict[str, Value] = {"body": None, "body_blob": None, "expires_at": int(self._clock())}
        self._table.update({"pk": pk, "sk": key}, changes, "attribute_exists(pk)", {})

    def kept(self, pk: str, key: str) -> list[Snapshot]:
        """The version of `key` and those before it that are kept, newest first."""
        if not key:
            return []
        items = self._table.query(pk, FIRST_SNAPSHOT, LAST_SNAPSHOT, only=_SHOWN)
        found = {item["sk"]: _snapshot(item) for item in items}
        if key not in found:
            raise MemoryGone(f"version {snapshot_version(key)} of the session's memory is missing")
        oldest = int((self._clock() - found[key].days * 86_400) * 1000)
        before = [name for name, at in found[key].kept if at > oldest and name in found]
        return [found[name] for name in (key, *before)]


def following(
    before: Snapshot | None, *, run_id: str, bundle_id: str, text: str, now: int, most: int, days: int
) -> tuple[Snapshot, list[str]]:
    """The version after `before` with the content `text`, and the sort keys of what is no longer kept. `now`
    is in milliseconds."""
    body, oldest = text.encode(), now - days * 86_400_000
    known = () if before is None else ((before.key, before.created_at), *before.kept)
    # The one before it was the present one until now, and its days begin with that.
    dated = ((known[0][0], now), *known[1:]) if known else ()
    kept = tuple(entry for entry in dated[: most - 1] if entry[1] > oldest)
    runs = () if before is None else (before.run_id, *before.runs)
    made = Snapshot(
        version=1 if before is None else before.version + 1,
        bundle_id=bundle_id,
        run_id=run_id,
        created_at=now,
        bytes=len(body),
        sha256=hashlib.sha256(body).hexdigest(),
        kept=kept,
        runs=runs[:REMEMBERED_RUNS],
        most=most,
        days=days,
    )
    return made, [entry[0] for entry in dated if entry not in kept]


def has_committed(present: Snapshot | None, run_id: str) -> bool:
    """Whether a version up to `present` is the run's."""
    return present is not None and run_id in (present.run_id, *present.runs)


def _snapshot(item: Mapping[str, Any]) -> Snapshot:
    lineage = json.loads(item["lineage"])
    return Snapshot(
        version=item["version"],
        bundle_id=item["bundle_id"],
        run_id=snapshot_run(item["sk"]),
        created_at=item["created_at"],
        bytes=item["bytes"],
        sha256=item["sha256"],
        why=item.get("why", ""),
        kept=tuple((name, at) for name, at in lineage["kept"]),
        runs=tuple(lineage["runs"]),
        most=lineage["most"],
        days=lineage["days"],
    )
