"""`make bench`, for a moment: what it measures for half an hour nobody else runs. Its times say nothing here;
what it counts is what it counts there."""

from pathlib import Path
from typing import Any

import pytest

from tests.bench import __main__ as bench
from tests.bench import growth, our_worker, queued, telemetry
from tests.faults.world import made, server


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    for module, repeats in ((bench, "_STEPS"), (telemetry, "_STEPS"), (queued, "_SUBMITS")):
        monkeypatch.setattr(module, repeats, 2)
    for module in (bench, telemetry):
        monkeypatch.setattr(module, "_ROUNDS", 1)
    monkeypatch.setattr(our_worker, "_WARM_UP", 1)


def test_a_submit_makes_two_calls_and_one_when_it_is_said_again(tmp_path: Path) -> None:
    with server() as (url, history), made(url, tmp_path, history) as world:
        rows = {row["name"]: row for row in queued.submit_rows(world)}
    assert (rows["calls of a submit, new"]["met"], rows["calls of a submit, duplicate"]["met"]) == (
        True,
        True,
    )


def test_a_step_is_one_small_write_however_long_the_run() -> None:
    meter = growth.steps_of(20, 400)
    assert (meter.calls, len(meter.bytes)) == (20, 20)
    assert meter.bytes[-1] <= 1.1 * meter.bytes[0]


@pytest.mark.parametrize("rows", [bench.step_rows, telemetry.rows], ids=["step", "spans"])
def test_what_is_timed_runs(rows: Any) -> None:
    (row,) = rows()
    assert row["ratio"] > 0


def test_a_worker_of_the_bench_drains_its_queue() -> None:
    with server() as (url, _):
        assert our_worker.measure(url, runs=3)["runs_per_cpu_second"] > 0
