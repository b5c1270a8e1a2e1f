"""A real worker whose process dies, whose clock is wrong or whose calls fail where the plan says so.

Started as a script: the plan is JSON in FAULT_PLAN. Everything else is `python -m agent_runtime work`,
or the plan's other command.
"""

import json
import os
import random
import signal
import sys
import time
from pathlib import Path

PLAN = json.loads(os.environ.get("FAULT_PLAN", "{}"))
_real_time = time.time
if PLAN.get("skew_seconds"):  # before anything binds `time.time` as its clock
    time.time = lambda: _real_time() + PLAN["skew_seconds"]

import botocore.client  # noqa: E402
import botocore.endpoint  # noqa: E402
from botocore.awsrequest import AWSResponse  # noqa: E402
from botocore.exceptions import ReadTimeoutError  # noqa: E402

from agent_runtime.__main__ import main  # noqa: E402
from agent_runtime.hosts import endings, job, worker  # noqa: E402
from agent_runtime.hosts.queue import Queue  # noqa: E402
from agent_runtime.sessions import Sessions  # noqa: E402
from agent_runtime.snapshots import Snapshots  # noqa: E402
from agent_runtime.spend.ledger import Ledger  # noqa: E402
from agent_runtime.steps import StepStore  # noqa: E402

chance = random.Random(PLAN.get("seed", 0))


def die_once(point: str) -> None:
    """SIGKILL at the n-th passing of the plan's point, once in the life of the world."""
    wanted = PLAN.get("kill")
    if not wanted or wanted["point"] != point:
        return
    wanted["n"] -= 1
    marker = Path(os.environ["FAULT_FOLDER"], f"killed-{wanted.get('id', '')}")
    if wanted["n"] <= 0 and (wanted.get("always") or not marker.exists()):
        marker.write_text(point)
        os.kill(os.getpid(), signal.SIGKILL)


def around(owner: type, name: str, before: str, after: str) -> None:
    original = getattr(owner, name)

    def wrapped(*args, **kwargs):
        die_once(before)
        result = original(*args, **kwargs)
        die_once(after)
        return result

    setattr(owner, name, wrapped)


around(StepStore, "claim", "before claim", "after claim")
around(StepStore, "save", "before checkpoint", "after checkpoint")
around(Snapshots, "write", "before snapshot", "after snapshot")
around(Sessions, "release", "before pointer", "after pointer")
around(Ledger, "reserve", "before reserve", "after reserve")
around(Ledger, "begin", "before begin", "after begin")
around(Ledger, "settle", "before settle", "after settle")
around(Queue, "delete", "before delete", "after delete")

_call = botocore.client.BaseClient._make_api_call


def faulty_call(self, operation, request):
    reply = _call(self, operation, request)
    if operation in PLAN.get("lost", ()) and chance.random() < PLAN["rate"]:
        raise ReadTimeoutError(endpoint_url="http://127.0.0.1")
    return reply


_send = botocore.endpoint.Endpoint._send


def throttled_send(self, request):
    """Each single request is judged, as AWS judges it: botocore's own retries are on this side of it."""
    target = request.headers.get("X-Amz-Target", b"")
    operation = (target.decode() if isinstance(target, bytes) else target).rpartition(".")[2]
    is_calm = Path(os.environ["FAULT_FOLDER"], "calm").exists()
    if operation not in PLAN.get("throttled", ()) or is_calm or chance.random() >= PLAN["rate"]:
        return _send(self, request)
    with Path(os.environ["FAULT_FOLDER"], "throttled").open("a") as file:
        file.write(f"{operation}\n")
    reply = AWSResponse(request.url, 400, {}, None)
    reply._content = b'{"__type": "ThrottlingException"}'
    return reply


botocore.client.BaseClient._make_api_call = faulty_call
botocore.endpoint.Endpoint._send = throttled_send
if PLAN.get("no_heartbeat"):
    worker.Worker._keep = lambda self: None
worker.POLL_SECONDS = job.TABLE_PAUSE_SECONDS = job.SESSION_PAUSE_SECONDS = 1
endings.FIRST_RETRY_SECONDS, endings.PARKED_SECONDS = 0.5, 2  # the same paths, sooner

if __name__ == "__main__":
    sys.argv = ["agent_runtime", PLAN.get("command", "work")]
    sys.exit(main())
