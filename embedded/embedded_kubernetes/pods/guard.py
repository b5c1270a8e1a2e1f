"""Ends the processes of pods when the cloud that started them is no more, even one ended by SIGKILL.

`python -m embedded_kubernetes.pods.guard` reads `+PID` and `-PID` from its standard input, which is open for
as long as the cloud lives, and at its end kills the groups of those that are left.
"""

import contextlib
import os
import signal
import subprocess
import sys
import threading


class Guard:
    """One process; it costs nothing while it waits."""

    def __init__(self) -> None:
        # By its path and isolated: it needs the standard library alone, and starts in a few hundredths.
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        )
        self._writing = threading.Lock()

    def add(self, pid: int) -> None:
        """A process that leads its own session."""
        self._write(f"+{pid}\n")

    def remove(self, pid: int) -> None:
        """It has ended: its number may become another's."""
        self._write(f"-{pid}\n")

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()

    def _write(self, line: str) -> None:
        assert self._process.stdin is not None
        # If somebody ended the guard, pods run on without it.
        with self._writing, contextlib.suppress(OSError, ValueError):
            self._process.stdin.write(line)
            self._process.stdin.flush()


def main() -> None:
    alive: set[int] = set()
    for line in sys.stdin:
        pid = int(line[1:])
        if line[0] == "+":
            alive.add(pid)
        else:
            alive.discard(pid)
    for pid in alive:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)


if __name__ == "__main__":
    main()
