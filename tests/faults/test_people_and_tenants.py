"""F26, F28: decisions that come twice, late or in vain; a tenant that floods the queue."""

import statistics
import threading
import time

import pytest

from agent_runtime.approvals import Decision
from agent_runtime.errors import ApprovalRefused
from agent_runtime.hosts.queue import RunMessage
from agent_runtime.people import cancel, decide
from tests.faults.invariants import assert_invariants
from tests.faults.world import AGENT, TENANT, World


def waiting(world: World) -> str:
    run_id = world.submit([["step", 1], ["approve", "send 100 letters"], ["step", 3]])
    world.start_worker()
    world.wait_for_status([run_id], "WAITING_APPROVAL")
    return run_id


def answer(world: World, run_id: str, verdict: str, seconds_later: float = 0.0) -> str:
    store = world.store(lambda: time.time() + seconds_later)
    try:
        bundle_id = decide(store, TENANT, run_id, (2,), Decision(verdict, f"{verdict}r"))
    except ApprovalRefused as error:
        return str(error)
    if bundle_id is not None:
        world.queue().send(RunMessage(AGENT, run_id, TENANT, bundle_id))
    return "counts"


@pytest.mark.parametrize("seed", range(3))
def test_of_two_decisions_at_once_one_counts_and_the_other_is_told_so(world: World, seed: int) -> None:
    run_id = waiting(world)
    said: list[str] = []
    barrier = threading.Barrier(2)

    def decider(verdict: str) -> None:
        barrier.wait(10)
        said.append(answer(world, run_id, verdict))

    threads = [threading.Thread(target=decider, args=(verdict,)) for verdict in ("approve", "deny")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert sorted(word == "counts" for word in said) == [False, True]
    world.wait_for_status([run_id], "DONE")
    refused = next(word for word in said if word != "counts")
    approved = "approver has decided before" in refused
    assert world.record(run_id).output == {"results": [1, approved, 3]}
    assert_invariants(world, accepted=1)


def test_a_late_decision_does_not_count_and_nobody_deciding_is_a_no(world: World) -> None:
    run_id = waiting(world)
    assert answer(world, run_id, "approve", seconds_later=90_000) == "the time for a decision is over"
    assert world.reap(seconds_later=90_000)["sent"] == 1
    world.start_worker({"skew_seconds": 90_000})
    for worker in world.workers[:1]:
        worker.kill()
    world.wait_for_status([run_id], "DONE")
    assert world.record(run_id).output == {"results": [1, False, 3]}
    assert_invariants(world, accepted=1)


def test_a_decision_after_the_run_was_cancelled_does_not_count(world: World) -> None:
    run_id = waiting(world)
    assert cancel(world.store(), TENANT, run_id) == "CANCELLED"
    assert answer(world, run_id, "approve") == "the run is CANCELLED"
    assert_invariants(world, accepted=1)


@pytest.mark.parametrize("seed", range(3))
def test_a_cancelled_run_stops_at_its_next_step(world: World, seed: int) -> None:
    run_id = world.submit([["step", n] for n in range(seed)] + [["wait", "go"], ["effect", None]])
    world.start_worker()
    world.wait_for_file("go.begun")
    assert cancel(world.store(), TENANT, run_id) == "CANCELLED"
    world.allow("go")
    world.wait("the worker's word", lambda: "run is another worker's" in world.logs())
    assert list(world.outside.glob("effect-*")) == []
    assert world.record(run_id).status == "CANCELLED"
    assert_invariants(world, accepted=1)


def test_a_flood_of_one_tenant_does_not_starve_another(world: World) -> None:
    flood = [world.submit([["step", n]], tenant="loud") for n in range(500)]
    quiet = [world.submit([["step", n]], tenant="quiet") for n in range(5)]
    world.start_worker(AGENT_WORKER_CONCURRENCY="40", AGENT_VISIBILITY_SECONDS="60")
    world.wait("the work", lambda: len(world.notes()) == 505, seconds=300)
    world.wait_for_status(flood, "DONE", tenant="loud")
    world.wait_for_status(quiet, "DONE", tenant="quiet")
    order = [note.split()[0] for note in world.notes()]
    last_quiet = max(order.index(run_id) for run_id in quiet)
    ends = {
        tenant: sorted(world.record(run_id, tenant).updated_at for run_id in run_ids)
        for tenant, run_ids in (("loud", flood), ("quiet", quiet))
    }
    p95 = {tenant: (statistics.quantiles(times, n=20)[-1] - ends["loud"][0]) / 1000
           for tenant, times in ends.items()}  # fmt: skip
    print(f"p95 after the first run's end: the flood {p95['loud']:.2f} s, the other {p95['quiet']:.2f} s")
    assert last_quiet < 250  # sent after 500 others, and begun before half of them
    assert_invariants(world, accepted=505)
