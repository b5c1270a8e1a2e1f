"""F1: workers that are killed, at every point where it could hurt."""

import pytest

from agent_runtime.approvals import Decision
from agent_runtime.hosts.queue import RunMessage
from agent_runtime.people import decide
from agent_runtime.spend.caps import SpendCaps
from tests.faults.invariants import assert_invariants, effects
from tests.faults.model_server import ANSWER, RESERVED_USD
from tests.faults.world import AGENT, TENANT, World

POINTS = (
    "before claim",
    "after claim",
    "after effect",
    "before checkpoint",
    "after checkpoint",
    "before delete",
)
SEEDS = range(3)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("point", POINTS)
def test_a_run_whose_worker_is_killed_ends_once_with_each_effect_at_most_once(
    world: World, point: str, seed: int
) -> None:
    run_id = world.submit([["step", 1], ["effect", None], ["model", None], ["effect", None], ["step", 5]])
    in_agent = {"KILL_IN_AGENT": point} if point == "after effect" else {}
    doomed = world.start_worker(
        {"kill": {"point": point, "n": 1 if point == "before delete" else 1 + seed % 2}}, **in_agent
    )
    world.wait("the kill", lambda: doomed.poll() is not None)
    assert doomed.returncode == -9
    world.start_worker()
    world.wait_for_status([run_id], "DONE")
    world.wait("the message's end", lambda: world.depth(world.queue_url) == 0)
    assert world.record(run_id).output == {"results": [1, "done", ANSWER, "done", 5]}
    assert len(list(world.outside.glob("effect-*"))) == 2
    assert_invariants(world, accepted=1)


@pytest.mark.parametrize("seed", SEEDS)
def test_an_effect_that_knows_no_key_is_not_done_twice_but_asked_about(world: World, seed: int) -> None:
    run_id = world.submit([["step", n] for n in range(seed)] + [["keyless", None]])
    doomed = world.start_worker(KILL_IN_AGENT="after effect")
    world.wait("the kill", lambda: doomed.poll() is not None)
    world.start_worker()
    world.wait_for_status([run_id], "WAITING_APPROVAL")
    assert effects(world).total() == 1
    assert_invariants(world, accepted=1)
    path = (seed + 1,)
    decision = Decision("happened", "an operator", "receipt 7")
    assert decide(world.store(), TENANT, run_id, path, decision) == world.bundle_id
    world.queue().send(RunMessage(AGENT, run_id, TENANT, world.bundle_id))
    world.wait_for_status([run_id], "DONE")
    assert world.record(run_id).output["results"][-1] == "receipt 7"
    assert effects(world).total() == 1


@pytest.mark.parametrize("seed", SEEDS)
def test_parallel_steps_survive_the_death_of_their_worker(world: World, seed: int) -> None:
    run_id = world.submit([["gather", list(range(10))], ["step", "after"]])
    doomed = world.start_worker({"kill": {"point": "after checkpoint", "n": 3 + seed}})
    world.wait("the kill", lambda: doomed.poll() is not None)
    world.start_worker()
    world.wait_for_status([run_id], "DONE")
    assert world.record(run_id).output == {"results": [list(range(10)), "after"]}
    assert_invariants(world, accepted=1)


def test_a_worker_that_dies_each_time_counts_its_run_to_death_and_harms_no_neighbour(world: World) -> None:
    poison, neighbour = (
        world.submit([["poison", None]]),
        world.submit([["step", 1], ["sleep", 1], ["step", 2]]),
    )

    def is_over() -> bool:
        if all(worker.poll() is not None for worker in world.workers):
            world.start_worker()
        if world.depth(world.queue_url) == 0 and world.depth(world.dead_letter_url) >= 1:
            # On a machine that stands still a message is received more often than its run is taken.
            world.reap(seconds_later=300)
        ended = {world.record(run_id).status.value for run_id in (poison, neighbour)}
        return ended == {"DEAD", "DONE"}

    world.wait("the end of both", is_over)
    assert world.record(poison).error == f"its worker died {world.max_receives} times"
    assert world.record(neighbour).status == "DONE"
    assert len([note for note in world.notes() if note.startswith(poison)]) == world.max_receives
    assert_invariants(world, accepted=2)


LEDGER_POINTS = ("after reserve", "after begin", "before settle", "after settle")


@pytest.mark.parametrize("point", LEDGER_POINTS)
def test_a_cap_holds_though_the_worker_is_killed_around_a_call(world: World, point: str) -> None:
    """What the dead worker had reserved may have been paid for: the call that it leaves no room for is not
    made, and a person is asked."""
    world.caps = SpendCaps.model_validate({"run": {"usd": 3 * RESERVED_USD}})
    run_id = world.submit([["model", None], ["model", None], ["model", None]])
    doomed = world.start_worker({"kill": {"point": point, "n": 2}})
    world.wait("the kill", lambda: doomed.poll() is not None)
    world.start_worker()
    world.wait_for_status([run_id], "WAITING_APPROVAL")
    assert world.model.answers == (2 if point in ("after reserve", "after begin") else 3)
    assert_invariants(world, accepted=1)


def test_a_run_whose_worker_is_not_killed_has_room_for_as_many_calls_as_its_cap_pays(world: World) -> None:
    world.caps = SpendCaps.model_validate({"run": {"usd": 3 * RESERVED_USD}})
    run_id = world.submit([["model", None], ["model", None], ["model", None]])
    world.start_worker()
    world.wait_for_status([run_id], "DONE")
    assert_invariants(world, accepted=1)
