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
    GuardTripped,
    LeaseLost,
    MessageUnreadable,
    RunHeld,
    RunInProgress,
    RunUnknown,
    SessionBusy,
    SessionElsewhere,
    SessionStranded,
    Suspended,
    TrafficUnknown,
)
from agent_runtime.hosts.endings import Ending, ending
from agent_runtime.hosts.held import Job
from agent_runtime.hosts.queue import Queue, RunMessage
from agent_runtime.hosts.session_pins import SessionPins, end_stranded, send_run_to
from agent_runtime.hosts.spent import parked_unless_paid
from agent_runtime.outcomes import RunOutcome
from agent_runtime.people import wake_if_decided
from agent_runtime.records import OpenedRun, RunStatus
from agent_runtime.run import Run
from agent_runtime.runner import Runner
from agent_runtime.stopping import let_go

_log = logging.getLogger("agent_runtime.hosts.job")
TABLE_PAUSE_SECONDS: Final = 60
"""Longest pause before a run is tried again whose table did not answer."""
SESSION_PAUSE_SECONDS: Final = 3
"""Longest pause before a run is tried again whose session is in another turn: turns are short, and how long
this one takes nobody knows."""
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
    comes_back: bool = False
    """Whether its run, which had begun, goes on soon and by itself."""


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
    session_pins: SessionPins | None = None,
) -> JobDone:
    """Work on the run that a message names. Raises botocore's errors where the queue cannot be written."""
    try:
        message = RunMessage.read(job.received.body)
        pause = parked_unless_paid(store, message, runner.check_room, jitter)
        if pause is not None:
            return _send_again(job, queue, pause)
        session = _session_of(message, store) if runner.turns is not None else None
        job.turn = runner.begin_turn(
            message.tenant, session, message.run_id, lease_seconds, comes_back=job.has_message
        )
    except SessionBusy as error:
        return _send_again(job, queue, min(error.retry_after_seconds, SESSION_PAUSE_SECONDS))
    except SessionElsewhere as error:
        return _go_to_the_session(job, queue, store, error, session_pins, jitter)
    except _UNREADABLE as error:
        return _bury(job, queue, error)
    except CheckpointUnavailable as error:
        return _wait_for_the_table(job, queue, error, jitter)
    done = JobDone()
    try:
        done = _work_on(
            job,
            message,
            queue,
            store,
            runner,
            bundle_id=bundle_id,
            lease_seconds=lease_seconds,
            max_receives=max_receives,
            interruption=interruption,
            jitter=jitter,
        )
        return done
    finally:
        if job.turn is not None:
            job.turn.give_back(is_awaited=done.comes_back)


def _work_on(
    job: Job,
    message: RunMessage,
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
    """The same, once the run's session is taken."""
    received = job.received
    try:
        opened = store.take_run(
            run_id=message.run_id,
            tenant=message.tenant,
            bundle_id=bundle_id,
            lease_seconds=lease_seconds,
            sent_at=received.sent_at,
            memory_from=None if job.turn is None else job.turn.present,
        )
    except RunInProgress as error:
        # Its worker has a message of its own, or the reaper sends one: this one may go before it is dead.
        if received.receive_count >= max_receives - 1:
            return JobDone(deletes=True)
        queue.hide([received.receipt_handle], error.retry_after_seconds + 1)
        return JobDone(comes_back=True)  # to whoever works on it, who had lost the session
    except RunHeld as error:
        _log.info(
            "message of a run that is held back", extra={"message_id": received.message_id}, exc_info=error
        )
        return JobDone(deletes=True)  # whoever resumes it sends one
    except BundleMismatch as error:
        # The run was moved to another release, whose queue has a message of it, or else the reaper sends one.
        _log.info(
            "message of a run that was moved", extra={"message_id": received.message_id}, exc_info=error
        )
        return JobDone(deletes=True)
    except _UNREADABLE as error:
        return _bury(job, queue, error)
    except CheckpointUnavailable as error:
        return _wait_for_the_table(job, queue, error, jitter)
    if opened.lease is None:
        return JobDone(deletes=True)
    job.lease = opened.lease
    try:
        run = job.run = runner.open(
            opened,
            opened.lease,
            remaining_seconds=lambda: float("inf"),
            interruption=interruption,
            turn=job.turn,
            user_token=job.user_token,
        )
        output, error = runner.call(run)
        outcome = runner.outcome(run, output, error, job.turn)
        error = outcome.error
        is_copy = copied_run(run.run_id) is not None
        takes = max_receives if is_copy else opened.record.takes  # one that fails has shown enough
        end = ending(error, takes=takes, max_receives=max_receives, now=store.now(), jitter=jitter)
        if is_copy:
            end = replace(end, is_dead_letter=False)  # nobody misses its answer
        return _give_back(job, queue, store, opened, run, outcome, end, message)
    except LeaseLost:
        _log.info("run is another worker's", extra={"run_id": message.run_id})
        let_go(store, opened.lease)
        # Another worker has the session too; else the run was stopped or ended, and nobody waits for it.
        return JobDone()
    except CheckpointUnavailable as error:
        job.lease = None
        store.leased.give_up(opened.lease)
        return replace(_wait_for_the_table(job, queue, error, jitter), comes_back=True)


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
        store.leased.finish(lease, end.status, output=outcome.output, **totals)
    else:
        store.leased.suspend(lease, end.status, due_at=end.due_at, held=end.held, **totals)
    done = JobDone(
        deletes=end.visible_after is None,
        outcome=outcome,
        failed=end.status is RunStatus.DEAD,
        comes_back=end.status is RunStatus.QUEUED,
    )
    if end.is_dead_letter:
        queue.bury(job.received, end.error or "")
        return JobDone(outcome=outcome, failed=True)
    asked = outcome.error.asked if isinstance(outcome.error, GuardTripped | Suspended) else None
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
    return _send_again(job, queue, 1 + round(jitter() * TABLE_PAUSE_SECONDS))


def _send_again(job: Job, queue: Queue, seconds: int) -> JobDone:
    """A new message in the old one's place, whose receives are counted from one again."""
    try:
        message = RunMessage.read(job.received.body)
    except MessageUnreadable:
        return JobDone()
    queue.send(message, delay_seconds=seconds)
    return JobDone(deletes=True)


def _bury(job: Job, queue: Queue, error: Exception) -> JobDone:
    _log.warning("message buried", extra={"message_id": job.received.message_id}, exc_info=error)
    queue.bury(job.received, f"{type(error).__name__}: {error}")
    return JobDone()


def _session_of(message: RunMessage, store: CheckpointStore) -> str | None:
    """Some messages do not tell: then the run's own item does."""
    if message.session is not None:
        return message.session
    head = store.find_head(message.tenant, message.run_id)
    return None if head is None else head.get("session")


def _go_to_the_session(
    job: Job,
    queue: Queue,
    store: CheckpointStore,
    error: SessionElsewhere,
    pins: SessionPins | None,
    jitter: Callable[[], float],
) -> JobDone:
    """The run follows its session to another release, or the session comes here, or the run ends with the
    reason why neither can be."""
    message = RunMessage.read(job.received.body)
    assert pins is not None, "an agent with memory needs the pins of its sessions"
    try:
        session = _session_of(message, store) or ""
        bundle_id = pins.settle(message.tenant, session, error)
        if bundle_id == pins.sessions.bundle_id:
            return _send_again(job, queue, 0)
        if send_run_to(store, message.tenant, message.run_id, bundle_id):
            return JobDone(deletes=True)
    except SessionStranded as stranded:
        if end_stranded(store, message.tenant, message.run_id, str(stranded)):
            return JobDone(deletes=True)
    except (CheckpointUnavailable, SessionElsewhere, TrafficUnknown) as waits:
        return _wait_for_the_table(job, queue, waits, jitter)
    return _send_again(job, queue, SESSION_PAUSE_SECONDS)
