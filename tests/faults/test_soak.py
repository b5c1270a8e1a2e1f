"""`make soak`, for a moment: what it does for three minutes nobody else runs."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_a_moment_of_random_faults_loses_no_run_and_doubles_no_effect() -> None:
    command = [sys.executable, "-m", "tests.soak", "--seconds", "3", "--runs", "20"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=400, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "accepted" in done.stdout
