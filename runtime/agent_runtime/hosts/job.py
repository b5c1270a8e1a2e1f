"""One message: its run is taken, worked on and given back or ended, and then the message is dealt with."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

from agent_runtime.checkpoints import CheckpointStore
from agent_runtime.copies import copied_run
from agent_runtime.errors import (
    BundleMismatch,
    CheckpointBlobLost,
    CheckpointSchemaUnknown,
    CheckpointUnavailable,
    LeaseLost,
    MessageUnreadable,
    RunInProgress,
    RunUnknown,
    Suspended,
)
from agent_runtime.hosts.endings import Ending, ending
from agent_runtime.hosts.held import Job
from agent_runtime.hosts.queue import Queue, RunMessage
from agent_runtime.people import wake_if_decided
from agent_runtime.records import OpenedRun, RunStatus
from agent_runtime.run import Run
from agent_runtime.runner import Runner, RunOutcome

_log = logging.getLogger("agent_runtime.hosts.job")
TABLE_PAUSE_SECONDS: Final = 60
"""Longest pause before a run is tried again whose table did not answer."""
_UNREADABLE = (CheckpointBlobLost, CheckpointSchemaUnknown, MessageUnreadable, RunUnknown)


@dataclass(frozen=True)
class JobDone:
    """What is left to do once a message was worked on."""

    deletes: bool = False
    """Whether its message is to be deleted."""
    outcome: RunOutcome | None = None
    """How the run stands, where this worker had it."""
    failed: bool = False
    """Whether it is dead."""


def work_on(
    job: Job,
    queue: Queue,
    store: CheckpointStore,
    runner: Runner,
    *,
    bundle_id: str,
    lease_seconds: float,
    max_receives: int,
    interruption: Callable[[], str | None],
    jitter: Callable[[], float],
) -> JobDone:
    """Work on the run that a message names. Raises botocore's errors where the queue cannot be written."""
    received = job.received
    try:
        message = RunMessage.read(received.body)
        opened = store.take_run(
            run_id=message.run_id,
            tenant=message.tenant,
            bundle_id=bundle_id,
            lease_seconds=lease_seconds,
            sent_at=received.sent_at,
        )
    except RunInProgress as error:
        # Its worker has a message of its own, or the reaper sends one: this one may go before it is dead.
        if received.receive_count >= max_receives - 1:
            return JobDone(deletes=True)
        queue.hide([received.receipt_handle], error.retry_after_seconds + 1)
        return JobDone()
    except BundleMismatch as error:
        # The run was moved to another release, whose queue has a message of it, or else the reaper sends one.
        _log.info(
            "message of a run that was moved", extra={"message_id": received.message_id}, exc_info=error
        )
        return JobDone(deletes=True)
    except _UNREADABLE as error:
        _log.warning("message buried", extra={"message_id": received.message_id}, exc_info=error)
        queue.bury(received, f"{type(error).__name__}: {error}")
        return JobDone()
    except CheckpointUnavailable as error:
        return _wait_for_the_table(job, queue, error, jitter)
    if opened.lease is None:
        return JobDone(deletes=True)
    job.lease = opened.lease
    try:
        run = job.run = runner.open(
            opened, opened.lease, remaining_seconds=lambda: float("inf"), interruption=interruption
        )
        output, error = runner.call(run)
        outcome = runner.outcome(run, output, error)
        is_copy = copied_run(run.run_id) is not None
        takes = max_receives if is_copy else opened.record.takes  # one that fails has shown enough
        end = ending(error, takes=takes, max_receives=max_receives, now=store.now(), jitter=jitter)
        if is_copy:
            end = replace(end, is_dead_letter=False)  # nobody misses its answer
        return _give_back(job, queue, store, opened, run, outcome, end, message)
    except LeaseLost:
        _log.info("run is another worker's", extra={"run_id": message.run_id})
        return JobDone()
    except CheckpointUnavailable as error:
        return _wait_for_the_table(job, queue, error, jitter)


def _give_back(
    job: Job,
    queue: Queue,
    store: CheckpointStore,
    opened: OpenedRun,
    run: Run,
    outcome: RunOutcome,
    end: Ending,
    message: RunMessage,
) -> JobDone:
    """First the run, then the message: of a worker that dies in between, the message or the reaper tells."""
    lease, job.lease = opened.lease, None  # from here on it is not extended
    assert lease is not None
    names = tuple(name for name, _ in outcome.steps)
    totals: Any = {"steps": names, "usage": outcome.usage, "error": end.error}
    has_ended = end.status in (RunStatus.DONE, RunStatus.DEAD)
    if has_ended:
        store.finish(lease, end.status, output=outcome.output, **totals)
    else:
        store.suspend(lease, end.status, due_at=end.due_at, **totals)
    done = JobDone(deletes=end.visible_after is None, outcome=outcome, failed=end.status is RunStatus.DEAD)
    if end.is_dead_letter:
        queue.bury(job.received, end.error or "")
        return JobDone(outcome=outcome, failed=True)
    asked = outcome.error.asked if isinstance(outcome.error, Suspended) else None
    if asked is not None and wake_if_decided(store, message.tenant, run.run_id, asked):
        queue.send(message)  # the decision came before the run was given back
    if end.resend_after is not None:
        queue.send(message, delay_seconds=end.resend_after)
    if end.visible_after is not None:
        queue.hide([job.received.receipt_handle], end.visible_after)
    return done


def _wait_for_the_table(job: Job, queue: Queue, error: Exception, jitter: Callable[[], float]) -> JobDone:
    """A new message in the old one's place: an outage of the table must not count the run to death."""
    _log.warning("table not reached", exc_info=error)
    try:
        message = RunMessage.read(job.received.body)
    except MessageUnreadable:
        return JobDone()
    queue.send(message, delay_seconds=1 + round(jitter() * TABLE_PAUSE_SECONDS))
    return JobDone(deletes=True)
