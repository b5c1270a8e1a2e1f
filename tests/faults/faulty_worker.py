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
from botocore.exceptions import ClientError, ReadTimeoutError  # noqa: E402

from agent_runtime.__main__ import main  # noqa: E402
from agent_runtime.hosts import endings, job, worker  # noqa: E402
from agent_runtime.hosts.queue import Queue  # noqa: E402
from agent_runtime.sessions import Sessions  # noqa: E402
from agent_runtime.snapshots import Snapshots  # noqa: E402
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
around(Queue, "delete", "before delete", "after delete")

_call = botocore.client.BaseClient._make_api_call


def faulty_call(self, operation, request):
    if operation in PLAN.get("throttled", ()) and chance.random() < PLAN["rate"]:
        raise ClientError({"Error": {"Code": PLAN.get("code", "ThrottlingException")}}, operation)
    reply = _call(self, operation, request)
    if operation in PLAN.get("lost", ()) and chance.random() < PLAN["rate"]:
        raise ReadTimeoutError(endpoint_url="http://127.0.0.1")
    return reply


botocore.client.BaseClient._make_api_call = faulty_call
if PLAN.get("no_heartbeat"):
    worker.Worker._keep = lambda self: None
worker.POLL_SECONDS = job.TABLE_PAUSE_SECONDS = job.SESSION_PAUSE_SECONDS = 1
endings.FIRST_RETRY_SECONDS, endings.PARKED_SECONDS = 0.5, 2  # the same paths, sooner

if __name__ == "__main__":
    sys.argv = ["agent_runtime", PLAN.get("command", "work")]
    sys.exit(main())
