"""Copies of finished runs for a candidate that gets none of its own."""

import json
from dataclasses import dataclass, field
from typing import Any

import pytest

from agent_runtime.copies import copy_id
from agent_runtime.hosts.queue import Queue, RunMessage
from agent_runtime.records import RunStatus
from agent_runtime.rollout.copying import Copier, Start, through_call, through_queue
from agent_runtime.rollout.store import State
from agent_runtime.samples import Sample
from tests.rollout.samples import AGENT, NOW, A, B, C, plan, shadowed
from tests.runtime.durable import Killed
from tests.runtime.faulty import FaultyClient
from tests.runtime.pretended import Aws


def sample(run_id: str, bundle_id: str = A) -> Sample:
    return Sample("acme", run_id, bundle_id, finished_at=NOW, expires_at=NOW)


@dataclass
class Functions:
    """Lambda, as far as it is called."""

    calls: list[dict[str, Any]] = field(default_factory=list)

    def invoke(self, **request: Any) -> None:
        self.calls.append(request)


class World:
    """The candidate B has a version and a queue."""

    def __init__(self, aws: Aws) -> None:
        self.aws, self.store, self.functions = aws, aws.store(), Functions()
        self.url = aws.sqs.create_queue(QueueName=f"runs-{B}")["QueueUrl"]
        self.sqs = FaultyClient(aws.sqs)
        self.samples: list[Sample] = []
        self.at_once = 10

    def done(self, number: int, bundle_id: str = A) -> Sample:
        """A finished run with a sample of it, the newest first."""
        run_id = f"{number:032x}"
        opened = self.store.open_run(
            run_id=run_id, tenant="acme", input={"n": number}, bundle_id=bundle_id, lease_seconds=60
        )
        assert opened.lease is not None
        self.store.leased.finish(opened.lease, RunStatus.DONE, output={})
        made = sample(run_id, bundle_id)
        self.samples.insert(0, made)
        return made

    def begin(self, most: int = 10, host: str = "ecs") -> int:
        start: Start = through_call(self.functions)
        if host == "ecs":
            start = through_queue(self.store, lambda url: Queue(self.sqs, url))
        releases = {f"{B}#ecs": {"queue_url": self.url}, B: {"version": "7"}}
        state = State(plan(host=host, function_name="answers"), shadowed(), {}, releases)
        return Copier(self.store, lambda most: self.samples[:most], start, self.at_once).begin(state, most)

    def sent(self) -> list[RunMessage]:
        found = Queue(self.aws.sqs, self.url).receive(10, 0, 1)
        return [RunMessage.read(received.body) for received in found]


@pytest.fixture
def world(aws: Aws) -> World:
    return World(aws)


def test_a_copy_on_ecs_is_a_queued_run_of_the_candidate_with_the_same_input(world: World) -> None:
    original = world.done(1)
    assert world.begin() == 1
    name = copy_id(B, original.run_id)
    assert world.sent() == [RunMessage(AGENT, name, "acme", B)]
    opened = world.store.take_run(run_id=name, tenant="acme", bundle_id=B, lease_seconds=60)
    assert opened.record.input == {"n": 1}


def test_an_input_in_the_bucket_is_pointed_to_and_not_copied(world: World) -> None:
    world.store = world.aws.store(inline_bytes=10)
    original = world.done(1)
    world.begin()
    heads = [world.store.find_head("acme", name) for name in (original.run_id, copy_id(B, original.run_id))]
    assert heads[0] is not None
    assert heads[1] is not None
    assert heads[0]["input_blob"] == heads[1]["input_blob"]


def test_a_copy_on_lambda_is_an_asynchronous_call_of_the_candidates_version(world: World) -> None:
    original = world.done(1)
    assert world.begin(host="lambda") == 1
    (call,) = world.functions.calls
    payload = json.loads(call.pop("Payload"))
    assert call == {"FunctionName": "answers", "Qualifier": "7", "InvocationType": "Event"}
    assert payload == {"copy_of": {"tenant": "acme", "run_id": original.run_id}}


def test_each_run_is_copied_once_however_often_it_is_asked(world: World) -> None:
    world.done(1)
    assert [world.begin(), world.begin()] == [1, 0]
    assert len(world.sent()) == 1


def test_no_more_than_asked_are_begun_the_newest_first(world: World) -> None:
    runs = [world.done(number) for number in range(5)]
    assert world.begin(most=2) == 2
    assert {message.run_id for message in world.sent()} == {copy_id(B, run.run_id) for run in runs[3:]}


def test_copies_that_are_under_way_count_among_those_that_are_asked_for(world: World) -> None:
    for number in range(5):
        world.done(number)
    world.at_once = 2
    assert [world.begin(), world.begin()] == [2, 0]
    name = copy_id(B, world.samples[0].run_id)
    opened = world.store.take_run(run_id=name, tenant="acme", bundle_id=B, lease_seconds=60)
    assert opened.lease is not None
    world.store.leased.finish(opened.lease, RunStatus.DONE, output={})
    assert world.begin() == 1


def test_a_copy_has_no_session_and_expires_with_the_run_that_it_copies(world: World) -> None:
    run_id = "5" * 32
    opened = world.store.open_run(
        run_id=run_id, tenant="acme", input={}, bundle_id=A, lease_seconds=60, session="a talk"
    )
    assert opened.lease is not None
    world.store.leased.finish(opened.lease, RunStatus.DONE, output={})
    world.samples.append(sample(run_id))
    world.aws.clock.now += 86_400
    world.begin()
    heads = [world.store.find_head("acme", name) or {} for name in (run_id, copy_id(B, run_id))]
    assert [head.get("session") for head in heads] == ["a talk", None]
    assert heads[0]["expires_at"] == heads[1]["expires_at"]


def test_only_finished_runs_of_the_stable_release_are_copied(world: World) -> None:
    world.done(1, bundle_id=C)
    world.samples.append(sample("e" * 32))
    world.store.submit(run_id="f" * 32, tenant="acme", input={}, bundle_id=A)
    world.samples.append(sample("f" * 32))
    assert world.begin() == 0


def test_killed_between_its_write_and_its_message_the_copy_is_left_to_the_reaper(world: World) -> None:
    original = world.done(1)
    world.sqs.before["send_message"] = _dies
    with pytest.raises(Killed):
        world.begin()
    head = world.store.find_head("acme", copy_id(B, original.run_id))
    assert head is not None
    assert head["status"] == RunStatus.QUEUED
    assert head["due_at"] > 0


def _dies(_request: dict[str, Any]) -> None:
    raise Killed
