"""Puts a worker together: alone (`work`), or beside a server (`serve`)."""

import os
import signal
import sys
import time

from agent_runtime.control import ControlReader
from agent_runtime.hosts.clients import client_of
from agent_runtime.hosts.job import JobDone
from agent_runtime.hosts.protection import TaskProtection
from agent_runtime.hosts.queue import Queue
from agent_runtime.hosts.start import HostParts, start
from agent_runtime.hosts.worker import POLL_SECONDS, Limits, Worker
from agent_runtime.logs import log_agent_alike
from agent_runtime.metrics import Told, figures_of, metrics_line
from agent_runtime.settings import WorkerSettings
from agent_runtime.standing import Standing
from agent_runtime.telemetry.working import tell_end


def work() -> None:
    """Work off the queue until SIGTERM. Raises `SettingsError`."""
    settings = WorkerSettings.from_environment(os.environ)
    parts = start(settings)
    log_agent_alike()
    worker = worker_of(settings, parts, queue_of(settings), standing_of(settings, parts))
    stop_on_signals(worker)
    parts.runner.spans.flush(worker.run())


def queue_of(settings: WorkerSettings) -> Queue:
    """The release's queue."""
    return Queue(client_of("sqs", POLL_SECONDS + 5), settings.queue_url)


def standing_of(settings: WorkerSettings, parts: HostParts) -> Standing:
    """What the control table says of the release."""
    control = ControlReader(client_of("dynamodb"), settings.control_table, settings.agent_name)
    return Standing(control, parts.bundle.bundle_id)


def worker_of(
    settings: WorkerSettings, parts: HostParts, queue: Queue, standing: Standing, turn_slots: int = 0
) -> Worker:
    """A worker that writes the metrics of its runs to standard output."""

    told = Told(settings.observe.host, settings.observe.tenant_metrics)

    def measure(run_id: str, done: JobDone, seconds: float) -> None:
        assert done.outcome is not None
        line = metrics_line(
            agent=settings.agent_name,
            bundle_id=parts.bundle.bundle_id,
            run_id=run_id,
            figures=figures_of(done.outcome, failed=done.failed, duration_ms=seconds * 1000),
            now=time.time(),
            tenant=done.outcome.tenant,
            told=told,
        )
        sys.stdout.write(line + "\n")
        sys.stdout.flush()
        tell_end(parts.runner.spans, done.outcome, failed=done.failed)
        parts.sampler.see(done.outcome, time.time())

    slots = settings.worker_concurrency
    return Worker(
        queue,
        parts.store,
        parts.runner,
        parts.brake,
        bundle_id=parts.bundle.bundle_id,
        limits=Limits(
            slots=slots,
            tenant_slots=max(1, int(slots * settings.tenant_share)),
            visibility_seconds=settings.visibility_seconds,
            max_receives=settings.max_receives,
            stop_seconds=settings.stop_seconds,
            turn_slots=turn_slots,
            tenant_turns=max(1, int(turn_slots * settings.tenant_share)),
        ),
        standing=standing,
        protection=TaskProtection(os.environ),
        measure=measure,
        session_pins=parts.session_pins(settings.control_table),
    )


def stop_on_signals(worker: Worker) -> None:
    """Begin to drain on SIGTERM and SIGINT."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: worker.stop())
