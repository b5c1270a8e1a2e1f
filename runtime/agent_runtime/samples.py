"""Runs of production that are put aside as candidates for the evaluation set: pointers, never the content.

They lie in one partition of the checkpoint table beside the runs, and expire with them.
"""

import logging
from dataclasses import dataclass
from typing import Final

from agent_runtime.checkpoint_table import CheckpointTable
from agent_runtime.errors import AgentRuntimeError
from agent_runtime.heads import without_hash
from agent_runtime.outcomes import RunOutcome
from agent_runtime.records import SCHEMA_VERSION, RunStatus, Value
from agent_runtime.traffic import place

_log = logging.getLogger("agent_runtime.samples")
_FIRST, _LAST = "0", "~"


@dataclass(frozen=True)
class Sample:
    """Where a run lies that was put aside."""

    tenant: str
    run_id: str
    bundle_id: str
    finished_at: int
    """Milliseconds since 1970."""
    expires_at: int
    """Seconds since 1970, as of the run itself."""

    @property
    def sort_key(self) -> str:
        """Sorts by time; of one run in one millisecond there is one."""
        return f"{self.finished_at:015d}#{self.run_id}"


class SampleStore:
    """The samples of one agent. All calls raise `CheckpointUnavailable`."""

    def __init__(self, table: CheckpointTable, agent: str) -> None:
        self._table = table
        # A run's partition has three parts, so that none is this one.
        self._pk: Final = f"{without_hash('agent', agent)}#samples"

    def add(self, sample: Sample) -> None:
        """Put a run aside. Sent twice, the second writes the same."""
        item: dict[str, Value] = {
            "pk": self._pk,
            "sk": sample.sort_key,
            "schema_version": SCHEMA_VERSION,
            "tenant": sample.tenant,
            "run_id": sample.run_id,
            "bundle_id": sample.bundle_id,
            "finished_at": sample.finished_at,
            "expires_at": sample.expires_at,
        }
        self._table.put(item)

    def since(self, sort_key: str = _FIRST, most: int = 100) -> list[Sample]:
        """The newest `most` samples from `sort_key` on, the newest first."""
        found = self._table.query(self._pk, sort_key, _LAST, most=most, newest_first=True)
        fields = ("tenant", "run_id", "bundle_id", "finished_at", "expires_at")
        return [Sample(**{field: values[field] for field in fields}) for values in found]


class Sampler:
    """Puts a share of an agent's runs aside, by their ids: a run belongs to it or not, whoever asks."""

    def __init__(self, store: SampleStore, basis_points: int) -> None:
        """`basis_points` is the share in hundredths of a per cent, 0 to 10,000."""
        self._store = store
        self._basis_points = basis_points

    def see(self, outcome: RunOutcome, now: float) -> None:
        """Put the run aside if it is done, in this very call, and belongs to the share. `now` is in seconds
        since 1970. A run is never failed by this: what goes wrong is logged."""
        is_copy = outcome.agreement is not None
        if outcome.status is not RunStatus.DONE or outcome.lease is None or is_copy:
            return
        if not belongs(outcome.run_id, self._basis_points):
            return
        finished, expires = int(now * 1000), outcome.lease.expires_at
        try:
            self._store.add(Sample(outcome.tenant, outcome.run_id, outcome.bundle_id, finished, expires))
        except AgentRuntimeError as error:
            _log.warning("run not put aside", extra={"run_id": outcome.run_id}, exc_info=error)


def belongs(run_id: str, basis_points: int) -> bool:
    """Whether a run belongs to the share. Its place is not the one that divides traffic, or a small sample
    would hold the candidate's runs alone."""
    return place(f"sample#{run_id}") < basis_points
