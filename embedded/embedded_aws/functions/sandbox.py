"""One process of one version: started through AWS's own runtime client, watched, and ended."""

import shutil
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from embedded_aws.functions.environment import environment
from embedded_aws.functions.log_stream import LogStream
from embedded_aws.functions.memory import Family
from embedded_aws.functions.outcomes import Failed, Outcome, OverMemory, Request, Responded, TimedOut
from embedded_aws.functions.output import Output
from embedded_aws.functions.runtime_api import RuntimeApi
from embedded_aws.functions.unpack import Packages
from embedded_aws.functions.versions import Version

INIT_SECONDS = 10.0
"""https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html: init has 10 s of its own.
What it takes beyond counts against the function's timeout."""
MEMORY_WATCH_SECONDS = 0.1
"""How often memory is read while a call runs: the kernel tells nobody when a process grows."""


class Credentials(Protocol):
    @property
    def access_key_id(self) -> str: ...
    @property
    def secret_access_key(self) -> str: ...
    @property
    def session_token(self) -> str: ...


Issue = Callable[[str, str], Credentials]
"""Credentials for (role ARN, session name), as Lambda assumes the execution role."""


@dataclass(frozen=True)
class Run:
    """How one request went."""

    outcome: Outcome
    duration_seconds: float
    init_seconds: float | None
    """None in a warm process."""
    peak_bytes: int


class Sandbox:
    def __init__(
        self,
        version: Version,
        *,
        account: str,
        packages: Packages,
        python: Path,
        endpoint_url: str,
        http_url: str,
        issue: Issue,
    ) -> None:
        self.version = version
        self.log = LogStream(version, account)
        self.was_used = False
        task_root, layer_roots = packages.task_root(version), packages.layer_roots(version)
        role = issue(version.role, version.name)
        self._temporary = packages.temporary()
        self._api = RuntimeApi()
        variables = environment(
            version,
            credentials={
                "AWS_ACCESS_KEY_ID": role.access_key_id,
                "AWS_SECRET_ACCESS_KEY": role.secret_access_key,
                "AWS_SESSION_TOKEN": role.session_token,
            },
            endpoint_url=endpoint_url,
            http_url=http_url,
            runtime_api=self._api.address,
            python=python,
            task_root=task_root,
            layer_roots=layer_roots,
            temporary=self._temporary,
            log_stream=self.log.name,
        )
        self._started = time.monotonic()
        # A session of its own: a signal to our terminal passes it by, and its whole group can be ended by id.
        try:
            self._process = subprocess.Popen(
                [python, "-m", "awslambdaric", version.handler],
                cwd=task_root,
                env=variables,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError:
            self._api.close()
            raise
        assert self._process.stdout is not None
        self._family = Family(self._process.pid)
        self._output = Output(self._process.stdout, self.log.line)
        self._reaper = threading.Thread(target=self._reap, name="lambda-reaper", daemon=True)
        self._reaper.start()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def run(self, request: Request) -> Run:
        """Runs one request; after any other end than an answer of the handler the process is gone."""
        ready = self._api.wait_until_ready(INIT_SECONDS)
        begun = time.monotonic()
        init_seconds = None if self.was_used or not ready else begun - self._started
        seconds = float(self.version.timeout_seconds)
        self._api.offer(request, time.time() + seconds)
        outcome, peak = self._watch(begun + seconds)
        duration = time.monotonic() - begun
        self.was_used = True
        if isinstance(outcome, Responded) or (isinstance(outcome, Failed) and not outcome.during_init):
            self._output.drain()
            self._api.clear()
        else:
            self.kill()
        return Run(outcome, duration, init_seconds, peak)

    def kill(self) -> None:
        """Ends the process now. A request that it works on ends as `Exited`."""
        if self.alive:
            self._family.kill()
        self._reaper.join()

    def end(self) -> None:
        self.kill()
        self._output.close()
        self._api.close()
        shutil.rmtree(self._temporary, ignore_errors=True)

    def _watch(self, deadline: float) -> tuple[Outcome, int]:
        limit, peak = self.version.memory_mb * 1024 * 1024, 0
        while True:
            left = deadline - time.monotonic()
            outcome = self._api.outcome(max(0.0, min(left, MEMORY_WATCH_SECONDS)))
            peak = max(peak, self._family.resident_bytes())
            if outcome is None and peak > limit:
                outcome = self._api.settle(OverMemory())
            if outcome is None and left <= 0:
                outcome = self._api.settle(TimedOut())
            if outcome is not None:
                return outcome, peak

    def _reap(self) -> None:
        returncode = self._process.wait()
        # What the process started and left behind must not outlive it.
        self._family.kill()
        self._output.close()
        self._api.ended(returncode)
