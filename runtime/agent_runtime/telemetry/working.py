"""A worker's time with a run, and the run's end, as its telemetry sees them."""

from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from agent_runtime.records import ENDED, Lease, RunRecord
from agent_runtime.telemetry import semantics
from agent_runtime.telemetry.here import Here, current_run
from agent_runtime.telemetry.spans import Spans, current_spans

if TYPE_CHECKING:
    from agent_runtime.outcomes import RunOutcome


@contextmanager
def working(spans: Spans, record: RunRecord, lease: Lease) -> Generator[None]:
    """While the agent's function works on the run: log lines name it, and spans stand below its own."""
    run, before = current_run.set(Here(record.run_id, record.tenant)), current_spans.set(spans)
    try:
        with spans.work(record, lease.pk, lease.birth, lease.epoch):
            yield
    finally:
        current_spans.reset(before)
        current_run.reset(run)


def tell_end(spans: Spans, outcome: "RunOutcome | None", *, failed: bool) -> None:
    """Tell the run's own span, if it has ended: by whoever ended it. One that was cancelled, or given up
    since its workers died, has none; what its workers told stands in its trace all the same."""
    if outcome is None or outcome.record is None or outcome.lease is None:
        return
    if not failed and outcome.status not in ENDED:
        return
    told = semantics.run_ended(outcome.status.value, outcome.usage, len(outcome.steps))
    error = type(outcome.error).__name__ if failed and outcome.error is not None else ""
    spans.ended(outcome.record, outcome.lease.pk, outcome.lease.birth, told, error)
