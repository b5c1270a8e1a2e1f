"""How a run ended, stopped or failed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from agent_runtime.errors import PASSING, Suspended
from agent_runtime.records import Lease, RunRecord, RunStatus, Usage
from agent_runtime.traces import RunTrace
from agent_runtime.turns import MemoryFigures


@dataclass(frozen=True)
class RunOutcome:
    """How a run ended (DONE), stopped (PARKED) or failed (FAILED); the last two can go on under the same
    key."""

    run_id: str
    status: RunStatus
    bundle_id: str
    output: Any
    steps: tuple[tuple[str, bool], ...]
    """Name of each step, and whether its result was replayed."""
    usage: Usage
    """All that the run has used."""
    spent: Usage
    """What this call has used; nothing, if the run was done before."""
    error: Exception | None = None
    scores: Mapping[str, float] = field(default_factory=dict)
    """What the agent reported of its own work, from 0 to 1."""
    agreement: float | None = None
    """Of a copy, the share of words that its output has in common with that of the run that it copies."""
    trace: RunTrace | None = None
    """How it went as far as this call saw it; None if the run was done before."""
    lease: Lease | None = field(default=None, repr=False)
    """Under which this call worked on the run; None likewise."""
    tenant: str = ""
    memory: MemoryFigures | None = None
    """What it left in its session's memory, if it changed it."""
    record: RunRecord | None = field(default=None, repr=False)
    """The run as this call found it; None if it was done before."""


def ended(record: RunRecord) -> RunOutcome:
    """The outcome of a run that ended before."""
    steps = tuple((name, True) for name in record.steps)
    return RunOutcome(
        record.run_id, record.status, record.bundle_id, record.output, steps, record.usage, Usage()
    )


def status_after(error: Exception | None) -> RunStatus:
    """What may pass by itself parks the run; everything else has failed."""
    if error is None:
        return RunStatus.DONE
    if isinstance(error, Suspended):
        return RunStatus(error.status)
    return RunStatus.PARKED if isinstance(error, PASSING) else RunStatus.FAILED


def shown(error: Exception | None) -> str | None:
    """The class alone: the text of an agent's exception may hold anything, a secret among it."""
    if error is None:
        return None
    return str(error) if isinstance(error, PASSING) else type(error).__name__
