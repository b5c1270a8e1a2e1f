"""F2, F4, F6, F8, F24, F25: messages that come twice, too often, too late or to a worker told to stop."""

import os
import signal
import threading

import pytest

from agent_runtime.hosts.queue import RunMessage
from tests.faults.invariants import assert_invariants
from tests.faults.world import AGENT, TENANT, World


@pytest.mark.parametrize("workers", [2, 4])
def test_a_message_delivered_to_several_workers_is_worked_on_by_one(world: World, workers: int) -> None:
    run_id = world.submit([["step", 1], ["wait", "go"], ["step", 3]], sends=workers)
    for _ in range(workers):
        world.start_worker()
    world.wait_for_file("go.begun")
    world.allow("go")
    world.wait_for_status([run_id], "DONE")
    world.wait("the messages' end", lambda: world.depth(world.queue_url) == 0)
    assert world.notes() == [f"{run_id} step-1", f"{run_id} step-3"]
    assert_invariants(world, accepted=1)


def test_a_run_that_fails_each_time_is_dead_after_as_many_receives_as_allowed(world: World) -> None:
    run_id, other = world.submit([["step", 1], ["fail", "value"]]), world.submit([["step", 1]])
    world.start_worker()
    world.wait_for_status([run_id], "DEAD")
    world.wait_for_status([other], "DONE")
    assert world.record(run_id).error == f"ValueError, {world.max_receives} times"
    assert world.notes().count(f"{run_id} fail-2") == world.max_receives
    assert world.notes().count(f"{run_id} step-1") == 1
    world.wait("the dead letter", lambda: world.depth(world.dead_letter_url) == 1)
    dead = world.sqs.receive_message(QueueUrl=world.dead_letter_url, MessageAttributeNames=["All"])[
        "Messages"
    ]
    assert [m["MessageAttributes"]["Reason"]["StringValue"] for m in dead] == [
        f"ValueError, {world.max_receives} times"
    ]
    assert_invariants(world, accepted=2)


def test_a_message_that_cannot_be_read_is_buried_at_once_with_its_reason(world: World) -> None:
    world.sqs.send_message(QueueUrl=world.queue_url, MessageBody="not JSON")
    world.queue().send(RunMessage(AGENT, "0" * 32, TENANT, world.bundle_id))
    world.start_worker()
    world.wait("two dead letters", lambda: world.depth(world.dead_letter_url) == 2)
    found = world.sqs.receive_message(
        QueueUrl=world.dead_letter_url, MessageAttributeNames=["All"], MaxNumberOfMessages=10
    )
    reasons = sorted(m["MessageAttributes"]["Reason"]["StringValue"] for m in found["Messages"])
    assert reasons[0] == "MessageUnreadable: the body is not JSON"
    assert reasons[1].startswith("RunUnknown")


@pytest.mark.parametrize("seed", range(3))
def test_a_worker_that_forgets_its_heartbeat_is_fenced_and_deletes_nothing(world: World, seed: int) -> None:
    run_id = world.submit([["step", n] for n in range(seed)] + [["wait", "go"], ["step", "last"]])
    stale = world.start_worker({"no_heartbeat": True})
    world.wait_for_file("go.begun")
    world.start_worker()
    # Until the fence stands, the stale worker may still commit and go on to the step that both would do.
    world.wait("the fence", lambda: world.fence_of(run_id) == 2)
    world.allow("go")
    world.wait_for_status([run_id], "DONE")
    world.wait("the stale worker's word", lambda: "run is another worker's" in world.logs())
    assert stale.poll() is None  # F8: whoever lost the race stops with that run, and works on
    assert world.notes().count(f"{run_id} step-{seed + 2}") == 1
    assert_invariants(world, accepted=1)


@pytest.mark.parametrize("seed", range(3))
def test_a_worker_told_to_stop_hands_its_runs_over_at_their_next_step(world: World, seed: int) -> None:
    runs = [world.submit([["step", 1], ["wait", f"go-{n}"], ["step", 3]]) for n in range(seed + 1)]
    stopping = world.start_worker()
    for n in range(seed + 1):
        world.wait_for_file(f"go-{n}.begun")
    os.kill(stopping.pid, signal.SIGTERM)
    late = world.submit([["step", 1]])
    for n in range(seed + 1):
        world.allow(f"go-{n}")
    assert stopping.wait(15) == 0
    assert {world.record(run_id).status for run_id in runs} == {"QUEUED"}
    assert world.record(late).status == "QUEUED"
    world.start_worker()
    world.wait_for_status([*runs, late], "DONE")
    for run_id in runs:
        assert world.notes().count(f"{run_id} step-1") == 1
        assert world.record(run_id).takes == 1  # the drain did not count as a death
    assert_invariants(world, accepted=len(runs) + 1)


def test_a_step_that_does_not_end_in_time_is_left_to_the_next_worker(world: World) -> None:
    run_id = world.submit([["step", 1], ["wait", "never"], ["step", 3]])
    stopping = world.start_worker(AGENT_STOP_SECONDS="11")
    world.wait_for_file("never.begun")
    os.kill(stopping.pid, signal.SIGTERM)
    assert stopping.wait(15) == 0
    world.allow("never")
    world.start_worker()
    world.wait_for_status([run_id], "DONE")
    assert_invariants(world, accepted=1)


def test_a_dead_letter_replayed_a_day_later_has_no_second_effect(world: World) -> None:
    run_id = world.submit([["effect", None], ["fail_until", "mended"], ["effect", None]])
    first = world.start_worker()
    world.wait("the dead letter", lambda: world.depth(world.dead_letter_url) == 1)
    first.kill()
    assert world.replay_dead_letters() == 1
    world.allow("mended")
    world.start_worker({"skew_seconds": 86_400})
    world.wait_for_status([run_id], "DONE")
    assert len([note for note in world.notes() if note.startswith("tried effect-1")]) == 1
    assert len(list(world.outside.glob("effect-*"))) == 2
    assert_invariants(world, accepted=1)


def test_a_copy_of_a_dead_runs_message_does_not_revive_it(world: World) -> None:
    run_id = world.submit([["fail", "value"]], sends=2)
    world.start_worker()
    world.wait_for_status([run_id], "DEAD")
    world.wait("the copy's end", lambda: world.depth(world.queue_url) == 0)
    assert world.notes().count(f"{run_id} fail-1") == world.max_receives


def test_a_message_that_was_never_sent_is_sent_by_the_reaper(world: World) -> None:
    run_id = world.submit([["step", 1]], sends=0)
    assert world.reap(seconds_later=60) == {"due": 0, "sent": 0, "dead": 0}
    together = [threading.Thread(target=world.reap, args=(130,)) for _ in range(2)]
    for thread in together:
        thread.start()
    for thread in together:
        thread.join(20)
    assert world.depth(world.queue_url) == 1  # two reapers at once send once
    world.start_worker()
    world.wait_for_status([run_id], "DONE")
    assert_invariants(world, accepted=1)


def test_a_sleep_holds_no_worker_and_goes_on_in_its_time(world: World) -> None:
    sleeper, other = world.submit([["step", 1], ["sleep", 3], ["step", 3]]), world.submit([["step", 1]])
    world.start_worker(AGENT_WORKER_CONCURRENCY="1")
    world.wait_for_status([sleeper], "SLEEPING")
    world.wait_for_status([other], "DONE")
    world.wait_for_status([sleeper], "DONE")
    assert world.notes().count(f"{sleeper} step-1") == 1
    assert_invariants(world, accepted=2)
