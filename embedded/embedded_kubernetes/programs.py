"""The programs of one cluster, as a parent that may be killed at any time sees them."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

_START_SECONDS = 20.0
_END_SECONDS = 15.0
"""More than the supervisor may take for all of its programs."""
_TAIL_LINES = 15


class ClusterFailed(Exception):
    """The cluster cannot be started or has broken off; the text names the log to look into."""


@dataclass(frozen=True)
class Program:
    name: str
    arguments: Sequence[str]
    variables: Mapping[str, str] = field(default_factory=dict[str, str])


class Programs:
    """Starts programs through a supervisor that ends them with this process."""

    def __init__(self, folder: Path, logs: Path) -> None:
        self._folder, self._logs = folder, logs
        self._ended: dict[str, int] = {}
        self._heard: dict[str, threading.Event] = {}
        self.pids: dict[str, int] = {}
        logs.mkdir(parents=True, exist_ok=True)
        source = Path(__file__).with_name("supervisor.py")
        self._supervisor = subprocess.Popen(
            [sys.executable, "-S", "-E", str(source)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,  # a signal to our terminal passes it by
        )
        self._listener = threading.Thread(target=self._listen, name="kubernetes-programs", daemon=True)
        self._listener.start()

    def start(self, program: Program) -> None:
        """Returns once its process is there, or could not be made, which `check` tells."""
        log = self.log(program.name)
        log.write_bytes(b"")
        asked = {
            "name": program.name,
            "arguments": list(program.arguments),
            "folder": str(self._folder),
            # Neither the user's KUBECONFIG nor a proxy concerns them.
            "environment": {
                "PATH": os.environ.get("PATH", ""),
                "HOME": str(self._folder),
                **program.variables,
            },
            "log": str(log),
        }
        heard = self._heard[program.name] = threading.Event()
        assert self._supervisor.stdin is not None
        try:
            self._supervisor.stdin.write(json.dumps(asked).encode() + b"\n")
            self._supervisor.stdin.flush()
        except OSError as error:
            raise ClusterFailed(f"the supervisor of the cluster's programs is gone: {error}") from error
        if not heard.wait(_START_SECONDS):
            raise ClusterFailed(f"{program.name} was not started within {_START_SECONDS:.0f} s")

    def log(self, name: str) -> Path:
        return self._logs / f"{name}.log"

    def check(self) -> None:
        """Raises `ClusterFailed` if a program has ended."""
        for name, code in list(self._ended.items()):
            raise ClusterFailed(self.about(name, f"ended with code {code}"))

    def about(self, name: str, what: str) -> str:
        log = self.log(name)
        tail = log.read_text(errors="replace").splitlines()[-_TAIL_LINES:] if log.exists() else []
        return "\n".join([f"{name} {what}; look into {log}, which ends with:", *tail])

    def close(self) -> None:
        """Ends all of them, the last one first."""
        assert self._supervisor.stdin is not None
        assert self._supervisor.stdout is not None
        try:
            self._supervisor.stdin.close()
            self._supervisor.wait(_END_SECONDS)
        except (OSError, subprocess.TimeoutExpired):
            self._supervisor.kill()
            self._supervisor.wait()
        self._listener.join()
        self._supervisor.stdout.close()

    def _listen(self) -> None:
        assert self._supervisor.stdout is not None
        for line in self._supervisor.stdout:
            said = json.loads(line)
            if "pid" in said:
                self.pids[said["name"]] = said["pid"]
            else:
                self._ended[said["name"]] = said["code"]
            self._heard[said["name"]].set()
