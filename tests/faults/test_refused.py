"""F3, F5, F11: a key with another payload, a batch of which a part fails, and a turn without time."""

import random
import time
from typing import Any

import pytest

from agent_runtime.brake import BrakeReader
from agent_runtime.entrypoints import Agent
from agent_runtime.errors import IdempotencyMismatch, RunInProgress
from agent_runtime.models.client import ModelClient
from agent_runtime.outcomes import RunOutcome
from agent_runtime.records import RunRequest
from agent_runtime.run import Run
from agent_runtime.runner import Runner
from agent_runtime.secrets import SecretReader
from tests.faults.invariants import assert_invariants
from tests.faults.world import TENANT, World


class Killed(BaseException):
    """The function's process is gone: nothing that runs on an exception runs on this."""


@pytest.mark.parametrize("seed", range(3))
def test_a_key_with_another_payload_is_refused_and_the_first_run_goes_on(world: World, seed: int) -> None:
    first = [["step", n] for n in range(seed)] + [["wait", "go"], ["effect", None]]
    run_id = world.submit(first)
    world.start_worker()
    world.wait_for_file("go.begun")
    with pytest.raises(IdempotencyMismatch):
        world.submit([["step", "another"]], run_id=run_id)
    world.allow("go")
    world.wait_for_status([run_id], "DONE")
    with pytest.raises(IdempotencyMismatch):
        world.submit([["step", "another"]], run_id=run_id)
    assert world.record(run_id).output["results"] == [*range(seed), "go", "done"]
    assert len(list(world.outside.glob("effect-*"))) == 1
    assert_invariants(world, accepted=1)


@pytest.mark.parametrize("seed", range(3))
def test_of_a_batch_only_what_failed_comes_back(world: World, seed: int) -> None:
    world.visibility_seconds = 60  # a machine that stands still costs no run one of its receives
    chance = random.Random(seed)
    failing = set(chance.sample(range(10), chance.randint(1, 5)))
    runs = [
        world.submit([["step", 1], ["fail", "value"] if n in failing else ["effect", None]])
        for n in range(10)
    ]
    world.start_worker(AGENT_WORKER_CONCURRENCY="10")
    world.wait_for_status(runs, "DONE", "DEAD")
    for n, run_id in enumerate(runs):
        assert world.record(run_id).status == ("DEAD" if n in failing else "DONE")
        assert world.notes().count(f"{run_id} step-1") == 1
    assert len(list(world.outside.glob("effect-*"))) == 10 - len(failing)
    world.wait("the dead letters", lambda: world.depth(world.dead_letter_url) == len(failing))
    world.wait("the queue's end", lambda: world.depth(world.queue_url) == 0)
    assert_invariants(world, accepted=10)


@pytest.mark.parametrize("seed", range(3))
def test_a_turn_whose_function_had_no_time_left_is_not_stuck(world: World, seed: int) -> None:
    def dies(run: Run) -> dict[str, Any]:
        for n in range(seed):
            run.step(f"step-{n}", lambda n=n: n)
        raise Killed

    def works(run: Run) -> dict[str, Any]:
        return {"found": [run.step(f"step-{n}", lambda n=n: n) for n in range(seed + 1)]}

    with pytest.raises(Killed):
        turn(world, dies)
    with pytest.raises(RunInProgress) as refused:
        turn(world, works)
    assert refused.value.retry_after_seconds == 1
    done = turn(world, works, seconds_later=2)
    assert done.output == {"found": list(range(seed + 1))}
    assert [replayed for _, replayed in done.steps] == [True] * seed + [False]
    assert_invariants(world, accepted=1)


def turn(world: World, agent: Agent, seconds_later: float = 0) -> RunOutcome:
    """The same turn as a function with 0 ms left takes it, at that time."""
    control = f"control-{world.name}"
    runner = Runner(
        agent,
        bundle=world.bundle,
        store=world.store(lambda: time.time() + seconds_later),
        brake=BrakeReader(world.dynamodb, control, "answers"),
        secrets=SecretReader(world.client("secretsmanager"), {}),
        models=ModelClient(world.bundle.model, lambda *_: None),  # type: ignore[arg-type]
    )
    request = RunRequest("a" * 32, TENANT, {})
    return runner.run(request, lease_seconds=0.0, remaining_seconds=lambda: 0.0)
