"""The process of the embedded cloud, seen from the command that ends it."""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import psutil
import pytest

from agent_hosting_cli import cloud_process
from agent_hosting_cli.project import Project
from embedded_aws.addresses import Addresses

_PARENT = """\
import subprocess, sys
program = "import os, sys; print(os.getpid(), flush=True); sys.stdin.read()"
child = subprocess.Popen([sys.executable, "-c", program, "embedded_aws"], stdin=-1)
sys.stdin.read()
"""
"""Never asks what became of its child, as the first process of many containers. The child tells its own id:
it has its arguments only some time after its parent knows that it was started."""


@pytest.fixture
def pid() -> Iterator[int]:
    parent = subprocess.Popen(
        [sys.executable, "-c", _PARENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with parent:
        assert parent.stdout is not None
        yield int(parent.stdout.readline())


def test_a_cloud_that_nobody_reaps_counts_as_stopped(pid: int, tmp_path: Path) -> None:
    project = Project(tmp_path)
    project.cloud.mkdir(parents=True)
    (project.cloud / "cloud.json").write_text(json.dumps(asdict(Addresses(pid, "one", 1, 2, 3))))
    assert cloud_process.stop(project) == pid
    assert psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    assert cloud_process.stop(project) is None
