"""Works off a release's queue: `python -m agent_runtime work`.

Threads, one for each run, over boto3. One thread receives, one keeps what is held: leases in the table and
messages in the queue, both for the same time, every third of it. On SIGTERM nothing new is taken and each
run is handed over at its next step.
"""

import logging
import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Final, Protocol

from botocore.exceptions import BotoCoreError, ClientError

from agent_runtime.brake import BrakeReader
from agent_runtime.checkpoints import CheckpointStore
from agent_runtime.errors import CheckpointUnavailable, LeaseLost
from agent_runtime.hosts.held import Held, Job
from agent_runtime.hosts.job import JobDone, work_on
from agent_runtime.hosts.protection import TaskProtection
from agent_runtime.hosts.queue import BATCH, Queue, Received, RunMessage, group_of
from agent_runtime.hosts.session_pins import SessionPins
from agent_runtime.runner import Runner
from agent_runtime.secrets import SecretValue
from agent_runtime.standing import Standing
from agent_runtime.stopping import still_at_work

_log = logging.getLogger("agent_runtime.hosts.worker")
POLL_SECONDS: Final = 5
"""Long poll. Shorter than SQS's 20 s, since a poll that SIGTERM interrupts could take messages with it."""
MOST_WAITING: Final = 100
HAND_OVER_SECONDS: Final = 11 * 3600
"""SQS hides a message for 12 hours in all from its first receive:
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-visibility-timeout.html"""
_MARGIN_SECONDS: Final = 10
"""Kept of the stop time, for the last writes."""
_BRAKED_SECONDS: Final = 5
_WAKE_SECONDS: Final = 0.5


class Measure(Protocol):
    """Writes the metrics of a run that ended."""

    def __call__(self, run_id: str, done: JobDone, seconds: float) -> None: ...


@dataclass(frozen=True)
class Limits:
    """How much a worker does at once, and how long it holds what it does."""

    slots: int = 4
    tenant_slots: int = 4
    visibility_seconds: int = 90
    max_receives: int = 5
    stop_seconds: int = 110
    turn_slots: int = 0
    """Runs at once whose callers wait for them, beside those of the queue."""
    tenant_turns: int = 0


class NoRoom(Exception):
    """No turn can be begun here now: all places are taken, or the worker stops."""


class Worker:
    """One process's share of the queue. `clock` is monotonic, in seconds; `session_pins` is needed for an
    agent with memory."""

    def __init__(
        self,
        queue: Queue,
        store: CheckpointStore,
        runner: Runner,
        brake: BrakeReader,
        *,
        bundle_id: str,
        limits: Limits,
        standing: Standing,
        protection: TaskProtection,
        measure: Measure,
        session_pins: SessionPins | None = None,
        clock: Callable[[], float] = time.monotonic,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._queue, self._store, self._runner, self._brake = queue, store, runner, brake
        self._bundle_id = bundle_id
        self._limits = limits
        self._standing = standing
        self._protection = protection
        self._measure = measure
        self._session_pins = session_pins
        self._clock = clock
        self._jitter = jitter
        self._stopping = threading.Event()
        self._changed = threading.Condition()
        self._held = Held(
            limits.slots,
            limits.tenant_slots,
            max(2, limits.max_receives - 1),
            turn_slots=limits.turn_slots,
            tenant_turns=limits.tenant_turns,
        )
        self._turns: dict[str, Future[JobDone]] = {}
        self._to_delete: list[str] = []
        self._kept_at = 0.0
        """Monotonic seconds at which what is held was last hidden anew."""

    def stop(self) -> None:
        """Begin to drain. May be called by a signal handler."""
        self._stopping.set()

    def is_stopping(self) -> bool:
        return self._stopping.is_set()

    def wait_for_stop(self, seconds: float) -> bool:
        """Wait for so long at most; whether it is to stop."""
        return self._stopping.wait(seconds)

    def has_room(self, tenant: str) -> bool:
        """Whether a turn of the tenant could begin now."""
        with self._changed:
            return not self._stopping.is_set() and self._held.has_room(group_of(tenant))

    def has_turn(self, tenant: str, run_id: str) -> bool:
        """Whether the run is under way here as a turn."""
        with self._changed:
            return _turn_id(tenant, run_id) in self._turns

    def turn(self, message: RunMessage, user_token: SecretValue | None = None) -> "Future[JobDone]":
        """Work now on a run that was submitted and not sent; one that is under way as a turn here is not
        begun again. `user_token` is the waiting caller's own. Raises `NoRoom`."""
        key = _turn_id(message.tenant, message.run_id)
        with self._changed:
            if key in self._turns:
                return self._turns[key]
            given = Received(key, "", message.body(), 1, 0, group_of(message.tenant), time.monotonic())
            job = None if self._stopping.is_set() else self._held.begin_turn(given, user_token)
            if job is None:
                raise NoRoom
            done = self._turns[key] = Future[JobDone]()
        threading.Thread(target=self._turn, args=(job, message), name="turn", daemon=True).start()
        return done

    def run(self) -> float:
        """Work until `stop`; then wait for the runs that are under way, at most for the stop time. Gives the
        seconds that are left of that."""
        threads = [
            threading.Thread(target=target, name=target.__name__.strip("_"), daemon=True)
            for target in (self._receive, self._keep)
        ]
        for thread in threads:
            thread.start()
        # The system may give a signal to any thread, and Python handles it in this one once this one wakes.
        while not self._stopping.wait(_WAKE_SECONDS):
            pass
        ends = self._clock() + self._limits.stop_seconds - _MARGIN_SECONDS
        _log.info("draining", extra={"runs": len(self._held.under_way)})
        threads[0].join(POLL_SECONDS + 1)
        with self._changed:
            left = self._held.take_waiting()
            self._safely(self._queue.hide, [received.receipt_handle for received in left], 0)
            self._changed.wait_for(lambda: not self._held.under_way, max(0.0, ends - self._clock()))
            unfinished = len(self._held.under_way)
            for answer in self._turns.values():
                answer.set_result(JobDone())
            self._turns.clear()
        self._delete(at_least=1)
        self._protection.keep(is_working=False)
        # What has not come to a step's end stays leased: the next worker takes it when the lease is over.
        _log.info("drained", extra={"unfinished": unfinished})
        return max(0.0, ends - self._clock())

    def _receive(self) -> None:
        while not self._stopping.is_set():
            # Queued runs wait in the queue, or are moved to the release that serves.
            if self._brake.reason() is not None or self._standing.is_rejected():
                self._stopping.wait(_BRAKED_SECONDS)
                continue
            with self._changed:
                self._changed.wait_for(self._may_receive, timeout=1.0)
                wanted = min(BATCH, self._held.wanted(MOST_WAITING))
                is_busy = bool(self._held.handles())
            if wanted <= 0 or self._stopping.is_set():
                continue
            self._delete(at_least=BATCH if is_busy else 1)
            try:
                found = self._queue.receive(wanted, POLL_SECONDS, self._limits.visibility_seconds)
            except (ClientError, BotoCoreError) as error:
                _log.warning("queue not read", exc_info=error)
                self._stopping.wait(1 + self._jitter() * 4)
                continue
            with self._changed:
                for received in found:
                    self._held.add(received)
                self._start()

    def _may_receive(self) -> bool:
        return self._held.wanted(MOST_WAITING) > 0 or self._stopping.is_set()

    def _start(self) -> None:
        """Begin what may begin. Called under the lock."""
        while not self._stopping.is_set() and (job := self._held.begin()) is not None:
            threading.Thread(target=self._work, args=(job,), name="run", daemon=True).start()

    def _work(self, job: Job) -> None:
        done = self._worked(job, self._queue)
        with self._changed:
            self._held.end(job)
            if done.deletes and not job.is_given_up:
                self._to_delete.append(job.received.receipt_handle)
            self._start()
            self._changed.notify_all()
        self._delete(at_least=BATCH)

    def _turn(self, job: Job, message: RunMessage) -> None:
        done = self._worked(job, self._queue.without_message(message))
        with self._changed:
            self._held.end_turn(job)
            answer = self._turns.pop(job.received.message_id, None)
            self._changed.notify_all()
        if answer is not None:  # else its caller was sent away when the time to stop was over
            answer.set_result(done)

    def _worked(self, job: Job, queue: Queue) -> JobDone:
        began = self._clock()
        self._protection.keep(is_working=True)
        try:
            done = work_on(
                job,
                queue,
                self._store,
                self._runner,
                bundle_id=self._bundle_id,
                lease_seconds=self._lease_seconds(job),
                max_receives=self._limits.max_receives,
                interruption=lambda: self._interruption(began),
                jitter=self._jitter,
                session_pins=self._session_pins,
            )
        except Exception as error:  # noqa: BLE001  one run must not end the worker of all others
            # The message comes back when its time is over; nothing else is known of the run.
            _log.exception("run dropped", exc_info=error)
            done = JobDone()
        if done.outcome is not None:
            self._measure(done.outcome.run_id, done, self._clock() - began)
        return done

    def _lease_seconds(self, job: Job) -> float:
        """Over before the message is seen again, or whoever gets it would have to wait."""
        hidden_at = max(job.received.asked_at, self._kept_at)
        return self._limits.visibility_seconds - (time.monotonic() - hidden_at)

    def _interruption(self, began: float) -> str | None:
        if self._stopping.is_set():
            return "the worker stops"
        if self._standing.stops_running():
            return "its release was sent back"
        return "held for 11 hours" if self._clock() - began > HAND_OVER_SECONDS else None

    def _keep(self) -> None:
        """Every third of the time for which they are hidden, extend leases first, then messages: a lease that
        is lost takes its message with it."""
        while not self._stopping.is_set() or self._held.under_way:
            time.sleep(self._limits.visibility_seconds / 3)
            with self._changed:
                jobs = self._held.under_way
            for job in jobs:
                self._extend(job)
            asked_at = time.monotonic()
            with self._changed:
                handles = self._held.handles()
            self._safely(self._queue.hide, handles, self._limits.visibility_seconds)
            self._kept_at = asked_at
            self._protection.keep(is_working=bool(jobs))
            self._delete(at_least=1)

    def _extend(self, job: Job) -> None:
        lease, run = job.lease, job.run
        if lease is None or run is None:
            return
        try:
            self._store.leased.extend_lease(lease, self._limits.visibility_seconds)
            if job.turn is not None:
                job.turn.extend(self._limits.visibility_seconds)
        except LeaseLost as error:
            if job.lease is not None:  # else it was given back in the meantime
                job.is_given_up = True
                run.progress.stop(error)
                still_at_work(self._store, lease)
        except CheckpointUnavailable as error:
            _log.warning("lease not extended", extra={"run_id": run.run_id}, exc_info=error)

    def _delete(self, at_least: int) -> None:
        """Delete the messages of runs that ended, ten together where there are as many."""
        with self._changed:
            if len(self._to_delete) < at_least:
                return
            handles, self._to_delete = self._to_delete, []
        self._safely(self._queue.delete, handles)

    def _safely(self, call: Callable[..., None], *args: object) -> None:
        """A message that could not be hidden or deleted comes back, and its run is found as it stands."""
        try:
            call(*args)
        except (ClientError, BotoCoreError) as error:
            _log.warning("queue not written", exc_info=error)


def _turn_id(tenant: str, run_id: str) -> str:
    return f"{tenant}#{run_id}"
