"""A cluster ends with whoever started it, and is the same one when it starts again."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from embedded_kubernetes.cluster import Cluster
from embedded_kubernetes.programs import ClusterFailed, Program, Programs
from tests.embedded_kubernetes.world import World

END_SECONDS = 60

STARTS = """
import json, sys, threading
from pathlib import Path
from embedded_kubernetes.cluster import Cluster
cluster = Cluster(Path(sys.argv[1]))
starter = threading.Thread(target=cluster.start, args=(lambda text: None,))
starter.start()
starter.join()  # its programs must outlive the thread that started them
print(json.dumps({**cluster.pids, "supervisor": cluster._programs._supervisor.pid}), flush=True)
sys.stdin.read()
"""


def started(state: Path) -> tuple["subprocess.Popen[str]", dict[str, psutil.Process]]:
    """A process that has started the cluster, and the programs."""
    parent = subprocess.Popen(
        [sys.executable, "-c", STARTS, str(state)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert parent.stdout is not None
    pids = json.loads(parent.stdout.readline())
    return parent, {name: psutil.Process(pid) for name, pid in pids.items()}


def close(parent: "subprocess.Popen[str]") -> None:
    parent.kill()
    parent.communicate(timeout=END_SECONDS)


def test_a_killed_parent_leaves_no_process_and_the_next_start_has_its_objects(tmp_path: Path) -> None:
    parent, programs = started(tmp_path)
    try:
        world = World(tmp_path / "admin.kubeconfig", "kept")
        address = (tmp_path / "admin.kubeconfig").read_text()
        world.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "kept"}})
        world.disconnect()
    finally:
        close(parent)
    _, alive = psutil.wait_procs(programs.values(), END_SECONDS)
    assert not alive
    assert {"etcd", "kube-apiserver", "kwok", "rollouts-controller", "supervisor"} <= programs.keys()
    cluster = Cluster(tmp_path)
    cluster.start(print)
    try:
        assert (tmp_path / "admin.kubeconfig").read_text() == address
        again = World(tmp_path / "admin.kubeconfig", "again")
        assert again.core.read_namespaced_config_map("kept", "kept")
        again.disconnect()
    finally:
        pids = cluster.pids.values()
        cluster.stop()
    assert not any(psutil.pid_exists(pid) for pid in pids)


@pytest.fixture
def programs(tmp_path: Path) -> Iterator[Programs]:
    made = Programs(tmp_path, tmp_path / "logs")
    yield made
    made.close()


def wait_for(path: Path) -> str:
    """What a program wrote; it is awaited through a pipe, which opens when both ends are there."""
    with path.open() as pipe:
        return pipe.readline()


def test_a_program_that_does_not_heed_the_end_is_killed(programs: Programs, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "told")
    stubborn = f"trap '' TERM; echo here > {tmp_path / 'told'}; exec sleep 600"
    programs.start(Program("stubborn", ["/bin/sh", "-c", stubborn]))
    assert wait_for(tmp_path / "told") == "here\n"
    process = psutil.Process(programs.pids["stubborn"])
    programs.close()
    assert not process.is_running()


@pytest.mark.skipif(sys.platform != "linux", reason="other kernels do not tell a child of its parent's death")
def test_a_killed_supervisor_leaves_no_process(programs: Programs, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "told")
    says = f"echo here > {tmp_path / 'told'}; exec sleep 600"
    programs.start(Program("sleeps", ["/bin/sh", "-c", says]))
    assert wait_for(tmp_path / "told") == "here\n"
    process = psutil.Process(programs.pids["sleeps"])
    os.kill(programs._supervisor.pid, signal.SIGKILL)
    _, alive = psutil.wait_procs([process], END_SECONDS)
    assert not alive
    programs.close()


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [(["/bin/sh", "-c", "echo no port; exit 3"], 3, "no port"), (["/no/such/program"], 127, "No such file")],
)
def test_a_program_that_ends_is_named_with_its_log(
    programs: Programs, tmp_path: Path, arguments: list[str], code: int, said: str
) -> None:
    programs.start(Program("etcd", arguments))
    deadline = time.monotonic() + END_SECONDS
    while "etcd" not in programs._ended:  # to close them now could end it before it has said anything
        assert time.monotonic() < deadline
        time.sleep(0.01)
    log = tmp_path / "logs" / "etcd.log"
    with pytest.raises(ClusterFailed, match=f"etcd ended with code {code}; look into {log}.*\n.*{said}"):
        programs.check()
