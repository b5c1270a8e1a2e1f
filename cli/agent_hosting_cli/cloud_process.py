"""Starts and stops the embedded cloud of a project, a process of its own."""

import json
import select
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from agent_hosting_cli.project import Project, UserError
from embedded_aws.addresses import Addresses

_START_SECONDS = 90
_left_running: list[subprocess.Popen[str]] = []
"""Clouds outlive the command that starts them: a handle that is dropped would warn of its process."""
_STOP_SECONDS = 20
_LOOK_SECONDS = 0.02


def running(project: Project) -> Addresses | None:
    """The project's cloud if it runs. A `cloud.json` whose process is gone, or is another's by now, counts
    for nothing."""
    try:
        cloud = Addresses(**json.loads((project.cloud / "cloud.json").read_text()))
        process = psutil.Process(cloud.pid)
        ours = "embedded_aws" in process.cmdline() and process.status() != psutil.STATUS_ZOMBIE
    except (OSError, ValueError, TypeError, psutil.Error):
        return None
    return cloud if ours else None


def start(project: Project, say: Callable[[str], None]) -> Addresses:
    """The running cloud, started if there is none."""
    found = running(project)
    if found is not None:
        say(f"it runs already, as process {found.pid}")
        return found
    project.cloud.mkdir(parents=True, exist_ok=True)
    say("waiting for its servers on 127.0.0.1")
    log = project.cloud / "start.log"
    with log.open("w") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "embedded_aws", "--state", str(project.cloud)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            start_new_session=True,
        )
    _left_running.append(process)
    assert process.stdout is not None
    ready, _, _ = select.select([process.stdout], [], [], _START_SECONDS)
    line = process.stdout.readline() if ready else ""
    process.stdout.close()
    if not line:
        process.kill()
        process.wait()
        raise UserError(
            f"the embedded cloud did not start; it said:\n{_tail(log)}{_tail(project.cloud / 'cloud.log')}"
        )
    return Addresses(**json.loads(line))


def stop(project: Project) -> int | None:
    """Ends the project's cloud; returns its process id, None where none ran."""
    found = running(project)
    if found is None:
        return None
    process = psutil.Process(found.pid)
    process.terminate()
    if not _has_ended(process):
        process.kill()
        _has_ended(process)
    (project.cloud / "cloud.json").unlink(missing_ok=True)
    return found.pid


def _has_ended(process: psutil.Process) -> bool:
    """Waits for it. One that its parent has not reaped yet has ended: in a container the first process, who
    inherits it, may take seconds for that or never do it."""
    ends = time.monotonic() + _STOP_SECONDS
    try:
        while process.status() != psutil.STATUS_ZOMBIE:
            if time.monotonic() > ends:
                return False
            time.sleep(_LOOK_SECONDS)
    except psutil.NoSuchProcess:
        pass
    return True


def _tail(path: Path) -> str:
    return "\n".join(path.read_text().splitlines()[-20:]) if path.exists() else ""
