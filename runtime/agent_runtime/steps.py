"""The steps of runs, written so that none is lost and none is committed twice.

A step is one PutItem on its own key, without a transaction: it holds what the step itself added and nothing
of the steps before it. The fence travels with the position: whoever takes a run over raises the head's
epoch, reads the steps with one Query, and puts a claim with its epoch on every position that the worker
before could write next; there its conditions fail. Two other fences were tried beside this one, and
docs/decisions/0007 has their prices.

A step with an outside effect is claimed before it is done, so that one whose worker died between the two is
known to be in doubt.
"""

import hashlib
import os
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from agent_runtime.blobs import BlobStore
from agent_runtime.checkpoint_table import CheckpointTable
from agent_runtime.errors import CheckpointError, LeaseLost
from agent_runtime.positions import next_positions
from agent_runtime.records import (
    SCHEMA_VERSION,
    Lease,
    Path,
    StepRecord,
    StepState,
    Usage,
    Value,
    dump_usage,
    path_text,
    step_from,
    step_key,
)
from agent_runtime.segments import read_segment, segment_item

_MOST_CLAIMS: Final = 20_000
"""Bound of one take-over: twice the steps that a manifest may allow."""
_FIRST, _LAST = "step#", "stepseg#~"
"""Segments sort behind the steps: one Query has the steps after a position and all segments."""


class StepStore:
    """Steps of the runs in one table. `clock` gives seconds since 1970. All raise `CheckpointUnavailable`."""

    def __init__(self, table: CheckpointTable, blobs: BlobStore, clock: Callable[[], float]) -> None:
        self._table = table
        self._blobs = blobs
        self._clock = clock

    def save(
        self,
        lease: Lease,
        path: Path,
        name: str,
        result: str,
        usage: Usage | None = None,
        *,
        failed: str | None = None,
    ) -> StepRecord:
        """Commit the result (JSON text) of the step at `path`. Raises `LeaseLost`."""
        inline, blob = self._blobs.spill(f"{lease.blob_prefix}/step-{path_text(path)}", result)
        made = StepRecord(
            path, name, StepState.DONE, lease.epoch, _token(), inline, blob, usage or Usage(), failed=failed
        )
        self._put(lease, made)
        return made

    def claim(
        self,
        lease: Lease,
        path: Path,
        name: str,
        *,
        effect: bool = False,
        children: int | None = None,
        state: StepState = StepState.CLAIMED,
    ) -> StepRecord:
        """Announce a step with an outside effect, or one with steps inside. Raises `LeaseLost`."""
        made = StepRecord(path, name, state, lease.epoch, _token(), effect=effect, children=children)
        self._put(lease, made)
        return made

    def load(self, step: StepRecord) -> str:
        """The result of a completed step as JSON text. Raises `CheckpointBlobLost`."""
        return self._blobs.load(step.result, step.result_blob) or "null"

    def read(self, pk: str, birth: str, after: int = 0) -> dict[Path, StepRecord]:
        """Every step of the run by its path; those up to `after` from the segments that hold them."""
        first = _FIRST + path_text((after + 1,)) if after else _FIRST
        found: dict[Path, StepRecord] = {}
        for values in self._table.query(pk, first, _LAST):
            if values["birth"] != birth:
                continue
            if values["sk"].startswith("stepseg#"):
                found |= {step.path: step for step in read_segment(values, self._blobs)}
            else:
                step = step_from(values)
                found[step.path] = step
        return found

    def fence(self, lease: Lease, recorded: dict[Path, StepRecord]) -> dict[Path, StepRecord]:
        """`recorded` with a claim of this epoch wherever an older worker could still write.

        What that worker committed in the meantime is kept. Raises `LeaseLost`.
        """
        known = dict(recorded)
        for _ in range(_MOST_CLAIMS):
            open_ones = [p for p in next_positions(known) if p not in known or known[p].epoch < lease.epoch]
            if not open_ones:
                return known
            path = open_ones[0]
            seen = known.get(path) or StepRecord(path, "", StepState.CLAIMED, 0, "")
            # What the claim before it said stays: an effect in doubt must not look like one never begun.
            ours = replace(seen, epoch=lease.epoch, write_token=_token())
            found = self._write(lease, ours, was_seen=seen)
            known[path] = ours if found is None else found
        raise CheckpointError(f"the run at {lease.pk} cannot be fenced: its worker goes on too fast")

    def compact(self, lease: Lease, upto: int, steps: list[StepRecord]) -> None:
        """Copy `steps`, all those since the segment before and up to root step `upto`, into one item."""
        body = segment_item(lease, upto, steps, self._blobs)
        self._table.put({**_envelope(lease, f"stepseg#{upto:06d}"), **body})

    def _put(self, lease: Lease, step: StepRecord) -> None:
        found = self._write(lease, step)
        if found is not None:
            raise _lost(found, lease)

    def _write(
        self, lease: Lease, step: StepRecord, *, was_seen: StepRecord | None = None
    ) -> StepRecord | None:
        """Write the item, or give back the step that stands in its way."""
        is_new, is_of_an_expired_run = "attribute_not_exists(pk)", "birth < :birth"
        is_open = "birth = :birth AND #state <> :done AND #epoch <= :epoch"
        values: dict[str, Value] = {":birth": lease.birth}
        if was_seen is not None and was_seen.write_token:
            condition = "birth = :birth AND write_token = :seen"
            values |= {":seen": was_seen.write_token}
        elif was_seen is not None:
            condition = f"{is_new} OR {is_of_an_expired_run}"
        else:
            condition = f"{is_new} OR {is_of_an_expired_run} OR ({is_open})"
            values |= {":done": StepState.DONE.value, ":epoch": lease.epoch}
        found = self._table.put(
            {**_envelope(lease, step_key(step.path)), **self._body(step)}, condition, values
        )
        if found is None or found.get("write_token") == step.write_token:
            return None
        if not found:
            raise LeaseLost(f"step {path_text(step.path)} was removed while it was claimed")
        there = step_from(found)
        if found["birth"] != lease.birth or there.epoch > lease.epoch:
            raise _lost(there, lease)
        return there

    def _body(self, step: StepRecord) -> dict[str, Value]:
        return {
            "epoch": step.epoch,
            "name": step.name or None,
            "state": step.state.value,
            "write_token": step.write_token,
            "created_at": int(self._clock() * 1000),
            "result": step.result,
            "result_blob": step.result_blob,
            "usage": dump_usage(step.usage) if step.usage.model_calls else None,
            "effect": 1 if step.effect else None,
            "children": step.children,
            "failed": step.failed,
        }


def idempotency_key(lease: Lease, path: Path) -> str:
    """32 hex digits, the same for a step of a run whoever does it and however often."""
    return hashlib.sha256(f"{lease.pk}\n{lease.birth}\n{path_text(path)}".encode()).hexdigest()[:32]


def _lost(there: StepRecord, lease: Lease) -> LeaseLost:
    step = path_text(there.path)
    return LeaseLost(f"step {step} was written in epoch {there.epoch}, this worker has {lease.epoch}")


def _envelope(lease: Lease, sort_key: str) -> dict[str, Value]:
    keys: dict[str, Value] = {"pk": lease.pk, "sk": sort_key, "schema_version": SCHEMA_VERSION}
    return {**keys, "birth": lease.birth, "expires_at": lease.expires_at}


def _token() -> str:
    return os.urandom(12).hex()
