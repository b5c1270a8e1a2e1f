"""Memory and end of a process with all its descendants."""

import contextlib
import os
import signal
import time

import psutil

_LOOK_SECONDS = 1.0
"""How often descendants are looked for: that reads every process of the machine, what they hold does not."""


class Family:
    """A process that leads its own session, and all that it was ever seen to have started."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._seen: frozenset[psutil.Process] = frozenset()
        self._look_at = 0.0

    def resident_bytes(self) -> int:
        """What all of them hold in memory now, of those that live for a second."""
        if time.monotonic() >= self._look_at:
            self._look_at = time.monotonic() + _LOOK_SECONDS
            self._look()
        return sum(_resident(process) for process in self._seen)

    def kill(self) -> None:
        """Ends the group, and what left it. psutil also knows a process by its start time."""
        self._look()
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._pid, signal.SIGKILL)
        for process in self._seen:
            with contextlib.suppress(psutil.Error):
                process.kill()

    def _look(self) -> None:
        with contextlib.suppress(psutil.Error):
            leader = psutil.Process(self._pid)
            # A new set each time: the watcher, the reaper and `close` look at the same time.
            self._seen = self._seen | {leader, *leader.children(recursive=True)}


def _resident(process: psutil.Process) -> int:
    try:
        return process.memory_info().rss
    except psutil.Error:
        return 0
