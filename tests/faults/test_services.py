"""F7, F9, F10, F12, F13, F15, F16: services fail, lose answers, or hold what is strange."""

import pytest

from tests.faults.invariants import assert_invariants
from tests.faults.world import World

TABLE_WRITES = ["PutItem", "UpdateItem", "TransactWriteItems"]
TABLE_CALLS = [*TABLE_WRITES, "GetItem", "Query"]
QUEUE_CALLS = ["ReceiveMessage", "DeleteMessageBatch", "ChangeMessageVisibilityBatch"]
DO = [["step", 1], ["effect", None], ["model", None], ["effect", None], ["step", 5]]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("calls", [TABLE_CALLS, QUEUE_CALLS], ids=["table", "queue"])
@pytest.mark.parametrize(("how", "rate"), [("throttled", 0.3), ("lost", 0.15)], ids=["throttled", "lost"])
def test_calls_that_fail_or_lose_their_answer_now_and_then_change_nothing(
    world: World, how: str, rate: float, calls: list[str], seed: int
) -> None:
    world.model.mode = "busy"
    runs = [world.submit(DO) for _ in range(3)]
    world.start_worker({how: calls, "rate": rate, "seed": seed})
    world.wait_for_status(runs, "DONE", "DEAD")
    assert {world.record(run_id).status for run_id in runs} == {"DONE"}
    assert len(list(world.outside.glob("effect-*"))) == 6
    assert_invariants(world, accepted=3)


TRIES = 4
"""Of one call: what the hosts' AWS clients allow."""


@pytest.mark.parametrize(
    ("calls", "given_up"),
    [(TABLE_WRITES, "table not reached"), (QUEUE_CALLS, "queue not read")],
    ids=["table", "queue"],
)
def test_while_everything_is_throttled_few_calls_are_made_and_the_runs_wait_for_its_end(
    world: World, calls: list[str], given_up: str
) -> None:
    world.visibility_seconds = 60  # else a machine that stands still would cost a run its lease
    runs = [world.submit(DO) for _ in range(3)]
    worker = world.start_worker({"throttled": calls, "rate": 1.0})
    world.wait("a round", lambda: world.logs().count(given_up) >= _at_once(calls, runs))
    # Counted before the rounds, so that one which ends in between allows no more than it used.
    refused = len((world.outside / "throttled").read_text().splitlines())
    rounds = world.logs().count(given_up) + _at_once(calls, runs)
    assert refused <= TRIES * rounds
    assert {world.record(run_id).status for run_id in runs} == {"QUEUED"}
    assert world.depth(world.dead_letter_url) == 0
    assert world.notes() == []
    world.allow("calm")
    world.wait_for_status(runs, "DONE", "DEAD")
    assert worker.poll() is None
    assert {(world.record(run_id).status, world.record(run_id).takes) for run_id in runs} == {("DONE", 1)}
    world.wait("the messages' end", lambda: world.depth(world.queue_url) == 0)
    assert world.depth(world.dead_letter_url) == 0
    assert_invariants(world, accepted=3)


def _at_once(calls: list[str], runs: list[str]) -> int:
    """Calls that are under way together: a write for each run, or the one that receives."""
    return len(runs) if calls == TABLE_WRITES else 1


def test_a_worker_that_is_stopped_while_its_table_is_throttled_leaves_its_runs_to_the_next(
    world: World,
) -> None:
    runs = [world.submit(DO) for _ in range(3)]
    throttled = world.start_worker({"throttled": TABLE_WRITES, "rate": 1.0})
    world.wait("the first requeue", lambda: "table not reached" in world.logs())
    throttled.terminate()
    assert throttled.wait(30) == 0
    assert world.depth(world.dead_letter_url) == 0
    world.reap(seconds_later=200)
    world.start_worker()
    world.wait_for_status(runs, "DONE")
    assert_invariants(world, accepted=3)


@pytest.mark.parametrize("skew", [-600, 600])
def test_workers_whose_clocks_are_ten_minutes_apart_commit_each_step_once(world: World, skew: int) -> None:
    runs = [
        world.submit([["model", None], ["wait", "go"], ["effect", None], ["model", None]], sends=2)
        for _ in range(2)
    ]
    world.start_worker()
    world.wait_for_file("go.begun")
    world.start_worker({"skew_seconds": skew})
    world.allow("go")
    world.wait_for_status(runs, "DONE")
    assert len(list(world.outside.glob("effect-*"))) == 2
    assert_invariants(world, accepted=2)


def test_a_secret_that_is_rotated_in_the_middle_of_a_run_is_fetched_anew(world: World) -> None:
    world.model.key = "sk-never-written-5d1b"
    run_id = world.submit([["model", None], ["wait", "rotated"], ["model", None]])
    world.start_worker()
    world.wait_for_file("rotated.begun")
    world.client("secretsmanager").put_secret_value(
        SecretId=world.secret_arn, SecretString="sk-never-written-5d1b-new"
    )
    world.model.key = "sk-never-written-5d1b-new"
    world.allow("rotated")
    world.wait_for_status([run_id], "DONE")
    assert world.model.calls == 3
    assert_invariants(world, accepted=1)


@pytest.mark.parametrize("mode", ["down", "garbage"])
def test_a_model_that_is_down_or_talks_nonsense_parks_the_run_until_it_answers(
    world: World, mode: str
) -> None:
    world.model.mode = mode
    run_id = world.submit([["step", 1], ["model", None]])
    world.start_worker()
    world.wait_for_status([run_id], "PARKED")
    assert mode == "garbage" or world.record(run_id).usage.cost_usd == 0
    world.model.mode = "ok"
    world.wait_for_status([run_id], "DONE")
    assert world.notes().count(f"{run_id} step-1") == 1
    assert_invariants(world, accepted=1)


def test_a_result_over_the_items_limit_survives_its_worker(world: World) -> None:
    run_id = world.submit([["large", 500_000], ["step", 2]])
    doomed = world.start_worker({"kill": {"point": "after checkpoint", "n": 1}})
    world.wait("the kill", lambda: doomed.poll() is not None)
    world.start_worker()
    world.wait_for_status([run_id], "DONE")
    assert len(world.record(run_id).output["results"][0]) == 500_000
    assert_invariants(world, accepted=1)


def test_a_large_result_that_is_gone_is_a_clear_reason_and_not_a_wrong_answer(world: World) -> None:
    run_id = world.submit([["large", 500_000], ["step", 2]])
    doomed = world.start_worker({"kill": {"point": "after checkpoint", "n": 1}})
    world.wait("the kill", lambda: doomed.poll() is not None)
    for found in world.s3.list_objects_v2(Bucket=f"blobs-{world.name}")["Contents"]:
        world.s3.delete_object(Bucket=f"blobs-{world.name}", Key=found["Key"])
    world.start_worker()
    world.wait_for_status([run_id], "DEAD")
    assert "CheckpointBlobLost" in (world.record(run_id).error or "")
    assert_invariants(world, accepted=1)


@pytest.mark.parametrize("version", ["0", "2", "99"])
def test_a_run_of_another_schema_is_buried_and_left_as_it_is(world: World, version: str) -> None:
    run_id = world.submit([["step", 1]])
    world.dynamodb.update_item(
        TableName=f"runs-{world.name}",
        Key={"pk": {"S": f"answers#acme#{run_id}"}, "sk": {"S": "run"}},
        UpdateExpression="SET schema_version = :v",
        ExpressionAttributeValues={":v": {"N": version}},
    )
    world.start_worker()
    world.wait("the dead letter", lambda: world.depth(world.dead_letter_url) == 1)
    assert world.notes() == []
    assert world.reap(seconds_later=300) == {"due": 0, "sent": 0, "dead": 0}


def test_a_run_of_another_bundle_is_never_begun_by_this_one(world: World) -> None:
    mine = world.bundle_id
    world.bundle_id = "f" * 12
    run_id = world.submit([["step", 1]])
    world.bundle_id = mine
    world.start_worker()
    world.wait("the message's end", lambda: world.depth(world.queue_url) == 0)
    assert (world.notes(), world.depth(world.dead_letter_url)) == (
        [],
        0,
    )  # its own queue or the reaper has it
    assert world.reap(seconds_later=300)["dead"] == 1
    assert world.record(run_id).error == "its release ffffffffffff is no longer deployed"
    assert_invariants(world, accepted=1)
