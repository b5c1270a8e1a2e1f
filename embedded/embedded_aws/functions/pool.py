"""Warm processes: one request at a time each, reused while idle, bounded in number."""

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from embedded_aws.functions.invocation import Throttled
from embedded_aws.functions.sandbox import Sandbox
from embedded_aws.functions.versions import Version

ACCOUNT = "ConcurrentInvocationLimitExceeded"
"""`Reason` when the account's, here the machine's, places are all taken."""


LIFETIME_SECONDS = 1800.0
"""A process keeps the credentials that it started with: it must end well before they do, after an hour."""


@dataclass
class _Idle:
    sandbox: Sandbox
    since: float
    started: float


class Pool:
    def __init__(
        self,
        start: Callable[[Version], Sandbox],
        *,
        limit: int,
        idle_seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._start, self._limit, self._idle_seconds, self._clock = start, limit, idle_seconds, clock
        self._lock = threading.Condition()
        self._idle: list[_Idle] = []
        self._busy: dict[Sandbox, float] = {}
        """Since when each was started."""
        self._starting = 0
        self._closed = False

    def take(self, version: Version) -> Sandbox:
        """A warm process of `version`, else a new one; refuses when the limit is reached and none is idle."""
        with self._lock:
            unwanted = self._without_dead()
            warm = next((idle for idle in reversed(self._idle) if idle.sandbox.version == version), None)
            if warm is not None:
                self._idle.remove(warm)
                self._busy[warm.sandbox] = warm.started
            elif self._closed or len(self._busy) + self._starting >= self._limit:
                raise Throttled(ACCOUNT)
            else:
                if self._count() >= self._limit:
                    unwanted.append(self._idle.pop(0).sandbox)
                self._starting += 1
        _end(unwanted)
        return warm.sandbox if warm is not None else self._started(version)

    def give_back(self, sandbox: Sandbox) -> None:
        """Keeps a live process for the next request."""
        with self._lock:
            now, started = self._clock(), self._busy[sandbox]
            if sandbox.alive and not self._closed and now - started < LIFETIME_SECONDS:
                del self._busy[sandbox]
                self._idle.append(_Idle(sandbox, now, started))
                return
        sandbox.end()
        with self._lock:
            del self._busy[sandbox]
            self._lock.notify_all()

    def end_idle(self) -> None:
        """Ends the processes that had nothing to do for `idle_seconds`."""
        with self._lock:
            before = self._clock() - self._idle_seconds
            old = [idle for idle in self._idle if idle.since <= before]
            self._idle = [idle for idle in self._idle if idle.since > before]
        _end(idle.sandbox for idle in old)

    def pids(self) -> list[int]:
        with self._lock:
            return sorted(sandbox.pid for sandbox in [*self._busy, *(idle.sandbox for idle in self._idle)])

    def close(self) -> None:
        """Ends every process, and returns when all are gone."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
            busy = list(self._busy)
        for sandbox in busy:
            sandbox.kill()
        _end(entry.sandbox for entry in idle)
        with self._lock:
            self._lock.wait_for(lambda: not self._busy and not self._starting)

    def _started(self, version: Version) -> Sandbox:
        try:
            sandbox = self._start(version)
        except BaseException:
            with self._lock:
                self._starting -= 1
                self._lock.notify_all()
            raise
        with self._lock:
            self._starting -= 1
            self._busy[sandbox] = self._clock()
            closed = self._closed
        if closed:
            self.give_back(sandbox)
            raise Throttled(ACCOUNT)
        return sandbox

    def _without_dead(self) -> list[Sandbox]:
        dead = [idle.sandbox for idle in self._idle if not idle.sandbox.alive]
        self._idle = [idle for idle in self._idle if idle.sandbox.alive]
        return dead

    def _count(self) -> int:
        return len(self._idle) + len(self._busy) + self._starting


def _end(sandboxes: Iterable[Sandbox]) -> None:
    for sandbox in sandboxes:
        sandbox.end()
