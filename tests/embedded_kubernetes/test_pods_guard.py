"""The processes of pods end with the cloud, however that ends."""

import signal
import subprocess
import sys

from tests.embedded.tasks_world import exists, wait_for

CLOUD = """
import os, signal, subprocess, sys
from embedded_kubernetes.pods.guard import Guard
guard = Guard()
def sleeping():
    program = [sys.executable, "-c", "import time; time.sleep(600)"]
    return subprocess.Popen(program, start_new_session=True, stdout=subprocess.DEVNULL)
gone, held = sleeping(), sleeping()
guard.add(gone.pid)
guard.add(held.pid)
guard.remove(gone.pid)
print(gone.pid, held.pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_killed_cloud_leaves_no_process_of_a_pod() -> None:
    ran = subprocess.run([sys.executable, "-c", CLOUD], stdout=subprocess.PIPE, text=True, check=False)
    assert ran.returncode == -signal.SIGKILL
    forgotten, held = (int(pid) for pid in ran.stdout.split())
    wait_for(lambda: not exists(held))
    assert exists(forgotten)
    subprocess.run(["kill", str(forgotten)], check=True)
