"""A script of its own: starts programs, and ends them when whoever started it is gone.

It reads one JSON line for each program from its standard input and writes one when a program has ended. The
end of its input, which the death of its parent brings as well, ends all of them, the last one first. A
process of its own is what outlives a SIGKILL of the parent; its only thread starts the programs, since Linux
takes the end of the thread that started a child for the death of its parent.
"""

import contextlib
import ctypes
import json
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

END_SECONDS = 6.0
"""What the programs together get to end by themselves."""
_DEATH_SIGNAL = 1
"""PR_SET_PDEATHSIG of prctl(2)."""


def main() -> None:
    wake_out, wake_in = os.pipe()
    os.set_blocking(wake_in, False)
    signal.set_wakeup_fd(wake_in)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    programs: dict[str, subprocess.Popen[bytes]] = {}
    waiting = b""
    try:
        while True:
            ready, _, _ = select.select([0, wake_out], [], [])
            if wake_out in ready:
                os.read(wake_out, 4096)
                _report(programs)
            if 0 in ready:
                read = os.read(0, 65536)
                if not read:
                    return
                *lines, waiting = (waiting + read).split(b"\n")
                for line in lines:
                    _start(json.loads(line), programs)
    finally:
        signal.set_wakeup_fd(-1)
        _end(programs)


def _start(asked: dict[str, Any], programs: dict[str, "subprocess.Popen[bytes]"]) -> None:
    with Path(asked["log"]).open("ab") as log:
        try:
            programs[asked["name"]] = subprocess.Popen(
                asked["arguments"],
                cwd=asked["folder"],
                env=asked["environment"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                preexec_fn=_die_with_parent,
            )
        except OSError as error:
            log.write(f"{error}\n".encode())
            log.flush()  # whoever hears of it looks there at once
            _say({"name": asked["name"], "code": 127})
            return
    _say({"name": asked["name"], "pid": programs[asked["name"]].pid})


def _die_with_parent() -> None:
    """Where the kernel knows it: a SIGKILL of the supervisor itself leaves nothing behind either."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_DEATH_SIGNAL, signal.SIGKILL)


def _report(programs: dict[str, "subprocess.Popen[bytes]"]) -> None:
    for name, process in list(programs.items()):
        if process.poll() is not None:
            del programs[name]
            _say({"name": name, "code": process.returncode})


def _say(line: dict[str, Any]) -> None:
    with contextlib.suppress(OSError):  # whoever listened may be gone: the end of the input says so
        os.write(1, json.dumps(line).encode() + b"\n")


def _end(programs: dict[str, "subprocess.Popen[bytes]"]) -> None:
    until = time.monotonic() + END_SECONDS
    for process in reversed(programs.values()):
        process.terminate()
        try:
            process.wait(max(0.1, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


if __name__ == "__main__":
    main()
