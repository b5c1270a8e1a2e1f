"""Sessions whose workers die, sleep through their leases, or come two at a time: no turn twice, none lost."""

from collections import defaultdict
from typing import Any

import pytest

from agent_runtime.restoring import Restorer
from agent_runtime.session_records import SessionRecord
from agent_runtime.sessions import Sessions
from agent_runtime.snapshots import Snapshots
from tests.faults.invariants import assert_invariants
from tests.faults.world import AGENT, TENANT, World

POINTS = ("before snapshot", "after snapshot", "before pointer", "after pointer", "before delete")
SESSION = "s-1"


def sessions(world: World) -> Sessions:
    return Sessions(world.store().table, agent=AGENT, bundle_id=world.bundle_id, owner="test")


def record(world: World) -> SessionRecord:
    found = sessions(world).find(TENANT, SESSION)
    assert found is not None
    return found


def remembered(world: World) -> dict[str, Any]:
    store = world.store()
    snapshots = Snapshots(store.table, store.blobs, AGENT, store.now)
    return Restorer(sessions(world), snapshots).content(TENANT, SESSION)


def assert_one_turn_at_a_time(world: World) -> None:
    """From the history of the session's item: an epoch is one run's, and none begins while a lease holds that
    neither was given back nor is over."""
    runs: dict[int, set[str]] = defaultdict(set)
    before: dict[str, Any] | None = None
    for item in world.history():
        if item["sk"]["S"] != "session":
            continue
        epoch, at = int(item["epoch"]["N"]), int(item["updated_at"]["N"])
        runs[epoch].add(item["run_id"]["S"])
        if before is not None:
            assert epoch - int(before["epoch"]["N"]) in (0, 1)
            assert int(item.get("memory_version", {"N": "0"})["N"]) >= int(
                before.get("memory_version", {"N": "0"})["N"]
            )
            if epoch > int(before["epoch"]["N"]):
                assert int(before["lease_expires_at"]["N"]) <= at, "two turns at the same time"
        before = item
    assert runs
    assert all(len(held) == 1 for held in runs.values())


@pytest.mark.parametrize("point", POINTS)
def test_a_turn_whose_worker_is_killed_at_its_end_is_remembered_once(world: World, point: str) -> None:
    first = world.submit([["remember", "runs"]], session=SESSION)
    doomed = world.start_worker({"kill": {"point": point, "n": 1}})
    world.wait("the kill", lambda: doomed.poll() is not None)
    assert doomed.returncode == -9
    world.start_worker()
    world.wait_for_status([first], "DONE")
    second = world.submit([["step", 1], ["remember", "runs"]], session=SESSION)
    world.wait_for_status([second], "DONE")
    world.wait("the messages' end", lambda: world.depth(world.queue_url) == 0)
    assert remembered(world) == {"runs": [first, second]}
    assert (record(world).memory_version, record(world).turns) == (2, 2)
    assert_one_turn_at_a_time(world)
    assert_invariants(world, accepted=2)


def test_two_workers_with_one_session_do_its_turns_one_after_another(world: World) -> None:
    world.visibility_seconds = 60  # a machine that stands still costs no turn its lease
    runs = [world.submit([["step", n], ["remember", "runs"]], session=SESSION, sends=2) for n in range(6)]
    for _ in range(2):
        world.start_worker()
    world.wait_for_status(runs, "DONE")
    assert sorted(remembered(world)["runs"]) == sorted(runs)
    assert sorted(world.record(run_id).output["results"][1] for run_id in runs) == [1, 2, 3, 4, 5, 6]
    assert (record(world).memory_version, record(world).turns) == (6, 6)
    assert len(world.notes()) == 6, "no step was done twice"
    assert_one_turn_at_a_time(world)
    assert_invariants(world, accepted=6)


def test_the_lease_of_a_dead_owner_runs_out_and_the_session_goes_on(world: World) -> None:
    first = world.submit([["step", 1], ["remember", "runs"], ["step", 3]], session=SESSION)
    doomed = world.start_worker({"kill": {"point": "after checkpoint", "n": 1}})
    world.wait("the kill", lambda: doomed.poll() is not None)
    second = world.submit([["remember", "runs"]], session=SESSION)
    world.start_worker()
    world.wait_for_status([first, second], "DONE")
    assert sorted(remembered(world)["runs"]) == sorted([first, second])
    assert record(world).turns == 2
    assert_one_turn_at_a_time(world)
    assert_invariants(world, accepted=2)


def test_a_worker_that_sleeps_through_its_lease_writes_nothing_to_the_session(world: World) -> None:
    run_id = world.submit([["remember", "runs"], ["wait", "go"], ["step", 3]], session=SESSION)
    world.start_worker({"no_heartbeat": True})
    world.wait_for_file("go.begun")
    world.wait("the lease's end", lambda: not record(world).is_held(sessions(world).now()))
    world.start_worker()
    world.wait("the heir", lambda: record(world).epoch >= 2)
    world.allow("go")
    world.wait_for_status([run_id], "DONE")
    assert remembered(world) == {"runs": [run_id]}
    assert (record(world).memory_version, record(world).turns) == (1, 1)
    assert_one_turn_at_a_time(world)
    assert_invariants(world, accepted=1)
