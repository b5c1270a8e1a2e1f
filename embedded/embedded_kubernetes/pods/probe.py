"""The probes of a container, tried against its process.

https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/#Probe
"""

import http.client
import socket
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

HOST = "127.0.0.1"
_FIRST_PAUSE_SECONDS = 0.1
"""The kubelet waits a whole period before it looks again. To look sooner while a process has never been ready
makes a start no worse, only quicker."""


@dataclass(frozen=True)
class Probe:
    path: str | None
    """None asks for a connection alone."""
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    delay_seconds: float = 0
    period_seconds: float = 10
    timeout_seconds: float = 1
    successes: int = 1
    failures: int = 3

    def passes(self, port: int) -> bool:
        """Whatever port the probe names, the process listens on the one that it was given."""
        try:
            if self.path is None:
                socket.create_connection((HOST, port), self.timeout_seconds).close()
                return True
            connection = http.client.HTTPConnection(HOST, port, timeout=self.timeout_seconds)
            try:
                connection.request("GET", self.path, headers=dict(self.headers))
                return 200 <= connection.getresponse().status < 400
            finally:
                connection.close()
        except (OSError, http.client.HTTPException):
            return False


def probe(given: Mapping[str, Any] | None) -> Probe | None:
    """None for a container without one, and for `exec` and `grpc`: it passes once the process runs."""
    if not given or not ("httpGet" in given or "tcpSocket" in given):
        return None
    get: Mapping[str, Any] | None = given.get("httpGet")
    return Probe(
        path=None if get is None else get.get("path") or "/",
        headers={h["name"]: h["value"] for h in (get or {}).get("httpHeaders") or ()},
        delay_seconds=given.get("initialDelaySeconds") or 0,
        period_seconds=given.get("periodSeconds") or 10,
        timeout_seconds=given.get("timeoutSeconds") or 1,
        successes=given.get("successThreshold") or 1,
        failures=given.get("failureThreshold") or 3,
    )


class Prober:
    """Tries again and again until `stop`; `tell` gets whether it passes whenever that changes."""

    def __init__(
        self,
        tried: Probe,
        port: int,
        tell: Callable[[bool], None],
        *,
        assumed: bool = False,
        grace_seconds: float = 0.0,
    ) -> None:
        """`assumed` is what holds before the first try. What fails within the grace counts only once it has
        passed: until then the process is starting."""
        self._probe, self._port, self._tell = tried, port, tell
        self._assumed, self._grace_seconds = assumed, grace_seconds
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="pod-probe", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()

    def _run(self) -> None:
        tried, passes, in_a_row, ever = self._probe, self._assumed, 0, self._assumed
        # The kubelet begins anywhere in the first period: to assume the best means to begin at its end.
        self._stopped.wait(tried.delay_seconds + (tried.period_seconds if passes else 0))
        grace_ends = time.monotonic() + self._grace_seconds
        while not self._stopped.is_set():
            passed = tried.passes(self._port)
            grace_ends = 0.0 if passed else grace_ends
            in_a_row = 0 if passed == passes or time.monotonic() < grace_ends else in_a_row + 1
            if in_a_row >= (tried.failures if passes else tried.successes):
                passes, in_a_row, ever = not passes, 0, True
                if not self._stopped.is_set():
                    self._tell(passes)
            self._stopped.wait(tried.period_seconds if ever else _FIRST_PAUSE_SECONDS)
