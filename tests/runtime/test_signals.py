"""A worker is told to stop by a signal, whichever of its threads the system gives that to."""

import subprocess
import sys

_PROGRAM = """\
import signal, threading, time
from types import SimpleNamespace
from agent_runtime.hosts.work import stop_on_signals
from agent_runtime.hosts.worker import Limits, Worker

class Queue:
    def receive(self, *_):
        time.sleep(1)  # by then the main thread waits, which nobody can see from here
        signal.pthread_kill(threading.get_ident(), signal.SIGTERM)  # to this thread, not the main one
        return []
    def hide(self, *_): ...
    def delete(self, *_): ...

quiet = SimpleNamespace(
    reason=lambda: None, is_rejected=lambda: False, stops_running=lambda: False, keep=lambda **_: None
)
worker = Worker(
    Queue(), None, None, quiet, bundle_id="b", limits=Limits(visibility_seconds=1, stop_seconds=12),
    standing=quiet, protection=quiet, measure=lambda *_: None,
)
stop_on_signals(worker)
worker.run()
print("drained")
"""


def test_a_worker_drains_when_another_than_its_main_thread_gets_the_signal() -> None:
    done = subprocess.run([sys.executable, "-c", _PROGRAM], capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.returncode) == ("drained\n", 0), done.stderr
