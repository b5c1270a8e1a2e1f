"""What one core of our worker gets through: runs without steps, whose output is kept durably."""

import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import psutil

from tests.faults.world import World, made

_WARM_UP = 50
_SECONDS = 120


def measure(endpoint_url: str, runs: int = 500) -> dict[str, Any]:
    """A worker drains a queue of `runs` runs, which was filled while it was halted.

    CPU seconds are the worker's, without its start and a first batch. The server must be one of
    `tests.faults.world.server`.
    """
    with tempfile.TemporaryDirectory() as folder, made(endpoint_url, Path(folder), []) as world:
        worker = psutil.Process(world.start_worker(AGENT_VISIBILITY_SECONDS="90").pid)
        _drained(world, [world.submit([]) for _ in range(_WARM_UP)])
        worker.suspend()
        submitted = [world.submit([]) for _ in range(runs)]
        before, began = _cpu_seconds(worker), time.perf_counter()
        worker.resume()
        _drained(world, submitted)
        wall, cpu = time.perf_counter() - began, _cpu_seconds(worker) - before
        statuses = Counter(world.record(run_id).status for run_id in submitted)
        if statuses != {"DONE": runs}:
            raise RuntimeError(f"not all runs are done: {statuses}")
    return {"cpu_seconds": cpu, "wall_seconds": wall, "runs_per_cpu_second": runs / cpu}


def _drained(world: World, runs: list[str]) -> None:
    """Asks seldom: each look costs the server, which runs in this process."""
    ends = time.monotonic() + _SECONDS
    while world.depth(world.queue_url) > 0:
        if time.monotonic() > ends:
            raise RuntimeError(f"{len(runs)} runs are not drained in {_SECONDS} s:\n{world.logs()[-2000:]}")
        time.sleep(0.5)


def _cpu_seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system
