"""Runs and their steps in one DynamoDB table, written so that no step is lost and none is committed twice.

Each step is one PutItem on its own key, without a transaction. The fence travels with the sequence:
whoever takes a run over raises the head's epoch, reads the steps with one Query, and puts a claim with its
epoch on the next sequence. A stale worker has to write exactly that key next, and there its condition
fails. TransactWriteItems (put the step, check the head) would fence as well, but costs twice the write
units for the step and again for the head, whose size includes the input, at every step; here only a
take-over pays, with one small item.

Wall clocks decide only when somebody may try to take over; who may write is decided by epochs. A step whose
worker dies before its write is executed again; a step that was written never is.
"""

import hashlib
import json
import math
import os
import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from agent_runtime.blobs import BlobStore
from agent_runtime.checkpoint_table import CheckpointTable
from agent_runtime.errors import (
    BundleMismatch,
    CheckpointError,
    IdempotencyMismatch,
    LeaseLost,
    RunInProgress,
)
from agent_runtime.records import (
    HEAD,
    SCHEMA_VERSION,
    Lease,
    OpenedRun,
    RecordedStep,
    RunRecord,
    RunStatus,
    Usage,
    Value,
    dump_usage,
    head_key,
    record_from,
    step_from,
    step_key,
)

if TYPE_CHECKING:
    from types_boto3_dynamodb.client import DynamoDBClient

MINIMUM_LEASE_SECONDS: Final = 1.0
"""A lease is set even when the host has no time left: without an end, a run whose worker died would never
move.
"""


class CheckpointStore:
    """The checkpoints of one agent. `clock` gives seconds since 1970. All calls raise
    `CheckpointUnavailable`."""

    def __init__(
        self,
        client: "DynamoDBClient",
        table: str,
        blobs: BlobStore,
        *,
        agent: str,
        retention_days: int = 30,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._table = CheckpointTable(client, table)
        self._blobs = blobs
        self._head_inline_bytes = blobs.inline_bytes // 2  # the head holds two: input and output
        self._agent = _without_hash("agent", agent)
        self._retention_seconds = retention_days * 86_400
        self._clock = clock

    def open_run(
        self,
        *,
        run_id: str,
        tenant: str,
        input: Any,  # noqa: A002  the word of the HTTP contract
        bundle_id: str,
        lease_seconds: float,
        session: str | None = None,
    ) -> OpenedRun:
        """Begin the run, go on with it, or find it done (then `lease` is None and nothing may be written).

        A FAILED or PARKED run is gone on with at once, a RUNNING one when its lease is over. Raises
        `RunInProgress`, `IdempotencyMismatch`, `BundleMismatch`, `CheckpointSchemaUnknown` and
        `CheckpointBlobLost`.
        """
        text = json.dumps(input, sort_keys=True, allow_nan=False)
        now, token = self._milliseconds(), os.urandom(12).hex()
        lease = Lease(
            pk=self._pk(tenant, run_id),
            blob_prefix=f"{self._agent}/{quote(tenant, safe='')}/{run_id}",
            epoch=1,
            birth=f"{now:015d}-{token}",
            expires_at=now // 1000 + self._retention_seconds,
        )
        inline, blob = self._blobs.spill(f"{lease.blob_prefix}/input", text, self._head_inline_bytes)
        head: dict[str, Value] = {
            **_envelope(lease, HEAD),
            "run_id": run_id,
            "tenant": tenant,
            "session": session,
            "status": RunStatus.RUNNING.value,
            "bundle_id": bundle_id,
            "input_hash": hashlib.sha256(text.encode()).hexdigest(),
            "input": inline,
            "input_blob": blob,
            "holder": token,
            "lease_expires_at": now + _lease_milliseconds(lease_seconds),
            "created_at": now,
            "updated_at": now,
        }
        run_is_new, run_has_expired = "attribute_not_exists(pk)", "expires_at <= :now"
        found = self._table.put(head, f"{run_is_new} OR {run_has_expired}", {":now": now // 1000})
        if found is None or found["holder"] == token:
            return OpenedRun(record_from(head, self._blobs), lease, {})
        if found["input_hash"] != head["input_hash"]:
            raise IdempotencyMismatch(f"run {run_id} was begun with another input")
        if found["status"] == RunStatus.DONE:
            return OpenedRun(record_from(found, self._blobs), None, {})
        if found["status"] == RunStatus.RUNNING and found["lease_expires_at"] > now:
            wait = math.ceil((found["lease_expires_at"] - now) / 1000)
            raise RunInProgress(f"run {run_id} is being worked on", wait)
        if found["bundle_id"] != bundle_id:
            raise BundleMismatch(
                f"run {run_id} was begun by bundle {found['bundle_id']}, this is {bundle_id}"
            )
        lease = replace(lease, epoch=found["epoch"] + 1, birth=found["birth"], expires_at=found["expires_at"])
        return self._take_over(found, lease, token, now + _lease_milliseconds(lease_seconds))

    def save_step(
        self, lease: Lease, sequence: int, name: str, result: str, usage: Usage | None = None
    ) -> RecordedStep:
        """Commit the result (JSON text) of step `sequence`; the first is 1. Raises `LeaseLost`."""
        prefix = f"{lease.blob_prefix}/step-{sequence:06d}"
        inline, blob = self._blobs.spill(prefix, result)
        body: dict[str, Value] = {"name": name, "result": inline, "result_blob": blob}
        if usage is not None:
            body["usage"] = dump_usage(usage)
        self._put_step(lease, sequence, {"state": "DONE", **body})
        return RecordedStep(sequence, name, inline, blob, usage or Usage())

    def load_step(self, step: RecordedStep) -> str:
        """The result of a completed step as JSON text. Raises `CheckpointBlobLost`."""
        return self._blobs.load(step.result, step.result_blob) or "null"

    def finish(
        self,
        lease: Lease,
        status: RunStatus,
        *,
        output: Any = None,
        steps: tuple[str, ...] = (),
        usage: Usage | None = None,
        error: str | None = None,
    ) -> None:
        """Write how the run ended or why it stopped. Raises `LeaseLost`, and then nothing is written."""
        text = json.dumps(output, allow_nan=False)
        inline, blob = self._blobs.spill(f"{lease.blob_prefix}/output", text, self._head_inline_bytes)
        result: dict[str, Value] = {"output": inline, "output_blob": blob, "error": error}
        totals = {"steps": json.dumps(steps), "usage": dump_usage(usage or Usage())}
        self._update_head(lease, {"status": status.value, **result, **totals})

    def extend_lease(self, lease: Lease, seconds: float) -> None:
        """Keep the run for `seconds` from now. Raises `LeaseLost`."""
        self._update_head(lease, {"lease_expires_at": self._milliseconds() + _lease_milliseconds(seconds)})

    def get_run(self, tenant: str, run_id: str) -> RunRecord | None:
        """The tenant's run as last written, or None. An expired run is absent even before DynamoDB deletes
        it."""
        head = self._table.get(head_key(self._pk(tenant, run_id)))
        if head is None or head["expires_at"] <= self._milliseconds() // 1000:
            return None
        return record_from(head, self._blobs)

    def _take_over(self, found: dict[str, Any], lease: Lease, token: str, lease_expires_at: int) -> OpenedRun:
        """Raise the epoch, read the steps, fence whoever worked before."""
        taken = {"status": RunStatus.RUNNING.value, "epoch": lease.epoch, "holder": token, "error": None}
        times = {"lease_expires_at": lease_expires_at, "updated_at": self._milliseconds()}
        holder_is_silent = {name: found[name] for name in ("birth", "epoch", "status", "lease_expires_at")}
        faster = self._table.update(head_key(lease.pk), {**taken, **times}, holder_is_silent)
        if faster is not None and faster.get("holder") != token:
            raise RunInProgress(f"run {found['run_id']} was taken over by another worker", 1)
        recorded: dict[int, RecordedStep] = {}
        for values in self._table.query(lease.pk, "step#"):
            if values["birth"] == lease.birth and values["state"] == "DONE":
                recorded[values["sequence"]] = step_from(values)
        if sorted(recorded) != list(range(1, len(recorded) + 1)):
            raise CheckpointError(f"the steps of run {found['run_id']} have a gap: {sorted(recorded)}")
        while (left_behind := self._put_step(lease, len(recorded) + 1, {"state": "CLAIMED"})) is not None:
            recorded[left_behind.sequence] = left_behind
        return OpenedRun(record_from({**found, **taken}, self._blobs), lease, recorded)

    def _put_step(self, lease: Lease, sequence: int, body: dict[str, Value]) -> RecordedStep | None:
        """Write one step item; a claim that comes after the old worker's commit gives that step instead."""
        token = os.urandom(12).hex()
        marks: dict[str, Value] = {
            "sequence": sequence,
            "write_token": token,
            "created_at": self._milliseconds(),
        }
        step_is_new, step_is_of_an_expired_run = "attribute_not_exists(pk)", "birth < :birth"
        claim_is_not_newer = "birth = :birth AND #state = :claimed AND epoch <= :epoch"
        found = self._table.put(
            {**_envelope(lease, step_key(sequence)), **marks, **body},
            f"{step_is_new} OR {step_is_of_an_expired_run} OR ({claim_is_not_newer})",
            {":birth": lease.birth, ":claimed": "CLAIMED", ":epoch": lease.epoch},
        )
        if found is None or found["write_token"] == token:
            return None
        was_committed_before = found["birth"] == lease.birth and found["epoch"] < lease.epoch
        if body["state"] == "CLAIMED" and found["state"] == "DONE" and was_committed_before:
            return step_from(found)
        raise LeaseLost(
            f"step {sequence} was written in epoch {found['epoch']}, this worker has {lease.epoch}"
        )

    def _update_head(self, lease: Lease, changes: dict[str, Value]) -> None:
        stamped = {**changes, "updated_at": self._milliseconds()}
        nobody_took_over: dict[str, Value] = {"birth": lease.birth, "epoch": lease.epoch}
        if self._table.update(head_key(lease.pk), stamped, nobody_took_over) is not None:
            raise LeaseLost(f"the run is no longer at epoch {lease.epoch}")

    def _pk(self, tenant: str, run_id: str) -> str:
        return f"{self._agent}#{_without_hash('tenant', tenant)}#{_without_hash('run_id', run_id)}"

    def _milliseconds(self) -> int:
        return int(self._clock() * 1000)


def _envelope(lease: Lease, sort_key: str) -> dict[str, Value]:
    keys: dict[str, Value] = {"pk": lease.pk, "sk": sort_key, "schema_version": SCHEMA_VERSION}
    return {**keys, "epoch": lease.epoch, "birth": lease.birth, "expires_at": lease.expires_at}


def _lease_milliseconds(seconds: float) -> int:
    return int(max(seconds, MINIMUM_LEASE_SECONDS) * 1000)


def _without_hash(what: str, value: str) -> str:
    """IAM limits an agent to keys that begin with `{agent}#`: a `#` inside a part could reach another's
    keys."""
    if not value or "#" in value or len(value) > 256 or not value.isprintable():
        raise CheckpointError(f"{what} must be 1 to 256 printable characters without '#'")
    return value
