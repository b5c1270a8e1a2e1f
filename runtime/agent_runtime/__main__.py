"""`python -m agent_runtime work`: a worker of a release's queue, until it is told to stop (SIGTERM)."""

import os
import signal
import sys
import time

from agent_runtime.errors import SettingsError


def main() -> int:
    if sys.argv[1:] != ["work"]:
        sys.stderr.write("usage: python -m agent_runtime work\n")
        return 2
    from agent_runtime.control import ControlReader
    from agent_runtime.hosts.clients import client_of
    from agent_runtime.hosts.job import JobDone
    from agent_runtime.hosts.protection import TaskProtection
    from agent_runtime.hosts.queue import Queue
    from agent_runtime.hosts.start import start
    from agent_runtime.hosts.worker import POLL_SECONDS, Limits, Worker
    from agent_runtime.metrics import figures_of, metrics_line
    from agent_runtime.settings import WorkerSettings
    from agent_runtime.standing import Standing

    try:
        settings = WorkerSettings.from_environment(os.environ)
        parts = start(settings)
    except SettingsError as error:
        sys.stderr.write(f"the worker cannot start: {error}\n")
        return 78  # EX_CONFIG of sysexits.h

    def measure(run_id: str, done: JobDone, seconds: float) -> None:
        assert done.outcome is not None
        line = metrics_line(
            agent=settings.agent_name,
            bundle_id=parts.bundle.bundle_id,
            run_id=run_id,
            figures=figures_of(done.outcome, failed=done.failed, duration_ms=seconds * 1000),
            now=time.time(),
        )
        sys.stdout.write(line + "\n")
        sys.stdout.flush()
        parts.sampler.see(done.outcome, time.time())

    slots = settings.worker_concurrency
    worker = Worker(
        Queue(client_of("sqs", POLL_SECONDS + 5), settings.queue_url),
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
        ),
        standing=Standing(
            ControlReader(client_of("dynamodb"), settings.control_table, settings.agent_name),
            parts.bundle.bundle_id,
        ),
        protection=TaskProtection(os.environ),
        measure=measure,
        session_pins=parts.session_pins(settings.control_table),
    )
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: worker.stop())
    worker.run()
    sys.stdout.flush()
    os._exit(0)  # a step that would not end is left: its lease is over before another worker takes it


if __name__ == "__main__":
    sys.exit(main())
