"""A lock counts only while the Pulumi that took it lives."""

import os
import shutil
import subprocess
from pathlib import Path

import psutil

from agent_hosting_cli.recovery import holds_lock


def test_a_pulumi_that_runs_holds_its_lock_until_it_is_killed_even_when_nobody_reaps_it(
    tmp_path: Path,
) -> None:
    sleeper = shutil.which("sleep")
    assert sleeper is not None
    shutil.copy(sleeper, tmp_path / "pulumi")
    process = subprocess.Popen([str(tmp_path / "pulumi"), "60"])
    try:
        assert holds_lock(process.pid)
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # dead, and left as a zombie
        assert psutil.pid_exists(process.pid)
        assert not holds_lock(process.pid)
    finally:
        process.kill()
        process.wait()
    assert not holds_lock(process.pid)


def test_a_number_that_another_program_has_by_now_holds_nothing() -> None:
    assert not holds_lock(os.getpid())
