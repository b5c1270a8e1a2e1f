"""The health check of a container, run as on AWS, but sooner while it has never passed."""

import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from embedded_aws.functions.memory import Family
from embedded_aws.tasks.container import HealthCheck

_FIRST_PAUSE_SECONDS = 0.2
"""AWS waits a whole interval before the first check. To run it sooner makes a start no worse, only quicker:
a failure counts no earlier than on AWS."""


class Health:
    """Runs the check again and again until `stop`; `tell` gets HEALTHY or UNHEALTHY whenever that changes."""

    def __init__(
        self,
        check: HealthCheck,
        arguments: list[str],
        *,
        root: Path,
        environment: Mapping[str, str],
        tell: Callable[[str], None],
    ) -> None:
        self._check, self._arguments, self._root, self._environment = check, arguments, root, environment
        self._tell = tell
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="ecs-health", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()

    def join(self) -> None:
        self._thread.join()

    def _run(self) -> None:
        check, failures = self._check, 0
        counted_from = time.monotonic() + check.start_seconds + check.interval_seconds
        ever_passed = False
        while not self._stopped.wait(check.interval_seconds if ever_passed else _FIRST_PAUSE_SECONDS):
            if self._passes():
                ever_passed, failures = True, 0
                self._tell("HEALTHY")
            elif time.monotonic() >= counted_from:
                failures += 1
                counted_from = time.monotonic() + check.interval_seconds
                if failures >= check.retries:
                    self._tell("UNHEALTHY")

    def _passes(self) -> bool:
        try:
            process = subprocess.Popen(
                self._arguments,
                cwd=self._root,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        except OSError:
            return False
        family, ended = Family(process.pid), threading.Event()
        threading.Thread(target=lambda: (process.wait(), ended.set()), daemon=True).start()
        deadline = time.monotonic() + self._check.timeout_seconds
        while not ended.wait(0.05) and time.monotonic() < deadline and not self._stopped.is_set():
            pass
        if not ended.is_set():
            family.kill()
            ended.wait()
        return process.returncode == 0 and time.monotonic() < deadline
