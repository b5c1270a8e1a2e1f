"""`make soak`: thousands of runs while workers are killed, told to stop, throttled and lose answers.

Bounded: SECONDS of faults, then a healthy end. Prints what became of every run, and exits with 1 if one was
lost or an effect was doubled.
"""

import argparse
import logging
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from tests.faults.invariants import effects
from tests.faults.world import World, made, server
from tests.histories import ENDS

POINTS = ("before claim", "after claim", "before checkpoint", "after checkpoint", "before delete")
TABLE_CALLS = ["PutItem", "UpdateItem", "GetItem", "Query"]
QUEUE_CALLS = ["ReceiveMessage", "DeleteMessageBatch", "ChangeMessageVisibilityBatch"]
WORKERS = 3
_ENDED_WITHIN_SECONDS = 300


def main() -> int:
    parser = argparse.ArgumentParser(prog="tests.soak", description=__doc__)
    parser.add_argument("--seconds", type=int, default=180, help="how long faults are injected")
    parser.add_argument("--runs", type=int, default=3000, help="most runs to submit")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    chance = random.Random(given.seed)
    with (
        server() as (url, history),
        tempfile.TemporaryDirectory() as folder,
        made(url, Path(folder), history) as world,
    ):
        accepted = _storm(world, chance, given.seconds, given.runs)
        _calm(world, accepted)
        return _told(world, accepted)


def _storm(world: World, chance: random.Random, seconds: int, most: int) -> list[str]:
    """Submits runs and harms workers until the time is over; ids of the accepted runs."""
    accepted: list[str] = []
    ends, said = time.monotonic() + seconds, 0.0
    while time.monotonic() < ends:
        alive = [worker for worker in world.workers if worker.poll() is None]
        for _ in range(WORKERS - len(alive)):
            world.start_worker(_plan(chance), AGENT_WORKER_CONCURRENCY="8")
        if len(accepted) < most and world.depth(world.queue_url) < 200:
            accepted += [world.submit(_work(chance), sends=chance.choice((0, 1, 1, 1, 1, 1, 1, 1, 2)))
                         for _ in range(20)]  # fmt: skip
        if alive and chance.random() < 0.05:
            os.kill(chance.choice(alive).pid, chance.choice((signal.SIGKILL, signal.SIGTERM)))
        if time.monotonic() - said > 10:
            said = time.monotonic()
            print(f"{ends - said:4.0f} s left: {len(accepted)} accepted, {len(world.workers)} workers so far")
            world.reap(seconds_later=0)
        time.sleep(0.1)
    return accepted


def _calm(world: World, accepted: list[str]) -> None:
    """Healthy workers, and a reaper that finds every run due that nobody holds."""
    for worker in world.workers:
        if worker.poll() is None:
            worker.kill()
            worker.wait(10)
    healthy = [world.start_worker(AGENT_WORKER_CONCURRENCY="8") for _ in range(WORKERS)]
    ends = time.monotonic() + _ENDED_WITHIN_SECONDS
    while time.monotonic() < ends and (left := accepted_left(world)):
        if world.depth(world.queue_url) == 0:
            world.reap(seconds_later=4000)
        if any(worker.poll() is not None for worker in healthy):
            healthy = [w if w.poll() is None else world.start_worker() for w in healthy]
        print(f"{left} of {len(accepted)} runs to go")
        time.sleep(2)


def accepted_left(world: World) -> int:
    heads = [item for item in world.items() if item["sk"]["S"] == "run"]
    return sum(head["status"]["S"] not in ENDS for head in heads)


def _told(world: World, accepted: list[str]) -> int:
    heads = {item["run_id"]["S"]: item["status"]["S"] for item in world.items() if item["sk"]["S"] == "run"}
    statuses = Counter(heads.get(run_id, "LOST") for run_id in accepted)
    lost = sum(count for status, count in statuses.items() if status not in ENDS)
    doubled = sum(count - 1 for count in effects(world).values())
    killed = sum(worker.poll() == -signal.SIGKILL for worker in world.workers)
    table = Table("what", "runs")
    for name, count in (
        ("accepted", len(accepted)),
        ("finished", statuses["DONE"]),
        ("parked, waiting for a person", statuses["WAITING_APPROVAL"]),
        ("dead, with a reason", statuses["DEAD"]),
        ("lost", lost),
        ("effects doubled", doubled),
        ("workers killed", killed),
    ):
        table.add_row(name, str(count))
    Console().print(table)
    return 1 if lost or doubled else 0


def _plan(chance: random.Random) -> dict[str, Any]:
    plan: dict[str, Any] = {"seed": chance.randrange(10**6), "rate": 0.02}
    plan[chance.choice(("throttled", "lost"))] = chance.choice((TABLE_CALLS, QUEUE_CALLS))
    if chance.random() < 0.5:
        plan["kill"] = {"point": chance.choice(POINTS), "n": chance.randrange(20, 300), "always": True}
    return plan


def _work(chance: random.Random) -> list[Any]:
    kinds = ["step"] * 5 + ["effect"] * 3 + ["keyless", "gather", "sleep", "emit"]
    arguments = {"gather": [1, 2, 3], "sleep": 1}
    work = [[kind, arguments.get(kind, 1)] for kind in chance.choices(kinds, k=chance.randrange(1, 8))]
    return [*work, ["fail", "value"]] if chance.random() < 0.01 else work


if __name__ == "__main__":
    sys.exit(main())
