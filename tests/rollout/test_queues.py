"""What becomes of runs that wait for a release which was sent back."""

from collections.abc import Callable
from typing import Any

import pytest

from agent_runtime.hosts.queue import Queue, RunMessage
from agent_runtime.records import OpenedRun, RunStatus
from agent_runtime.rollout.queues import QueueTraffic
from agent_runtime.rollout.record import Record
from agent_runtime.rollout.store import State
from tests.rollout.samples import AGENT, NOW, A, B, C, plan
from tests.runtime.durable import Killed
from tests.runtime.faulty import FaultyClient
from tests.runtime.pretended import Aws

LEASE_SECONDS = 60.0
BACK = Record(A, rejected={B: NOW})


class World:
    """Release B was sent back, and A is stable; each has a queue."""

    def __init__(self, aws: Aws) -> None:
        self.aws = aws
        self.store = aws.store()
        self.sqs = FaultyClient(aws.sqs)
        self.urls = {name: aws.sqs.create_queue(QueueName=f"runs-{name}")["QueueUrl"] for name in (A, B)}
        self.versions = {A: "1", B: "1"}
        self.batches_left = 100

    def submit(self, number: int = 0, bundle_id: str = B) -> str:
        """Its id; a message of it lies in B's queue, whatever its bundle."""
        run_id = f"{number:032x}"
        self.store.submit(run_id=run_id, tenant="acme", input={}, bundle_id=bundle_id)
        self.send(run_id)
        return run_id

    def send(self, run_id: str) -> None:
        Queue(self.aws.sqs, self.urls[B]).send(RunMessage(AGENT, run_id, "acme", B))

    def take(self, run_id: str, bundle_id: str = B) -> OpenedRun:
        return self.store.take_run(
            run_id=run_id, tenant="acme", bundle_id=bundle_id, lease_seconds=LEASE_SECONDS
        )

    def begun(self, number: int = 0) -> str:
        """A run that a worker of B began, and whose lease is over."""
        run_id = self.submit(number)
        self.take(run_id)
        self.aws.clock.now += LEASE_SECONDS + 1
        return run_id

    def apply(self, record: Record = BACK) -> None:
        releases = {
            f"{name}#ecs": {"queue_url": url} | self._declared(name) for name, url in self.urls.items()
        }
        traffic = QueueTraffic(self.store, lambda url: Queue(self.sqs, url), self._has_time)
        traffic.apply(State(plan(host="ecs"), record, {}, releases), lambda: record)

    def head(self, run_id: str) -> dict[str, Any]:
        found = self.store.find_head("acme", run_id)
        assert found is not None
        return found

    def waiting(self, name: str) -> int:
        """Messages of a queue, also those that are hidden."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        held = self.aws.sqs.get_queue_attributes(QueueUrl=self.urls[name], AttributeNames=names)
        return sum(int(held["Attributes"][of]) for of in names)

    def messages(self, name: str) -> list[RunMessage]:
        found: list[RunMessage] = []
        while some := Queue(self.aws.sqs, self.urls[name]).receive(10, 0, 60):
            found += [RunMessage.read(held.body) for held in some]
        return found

    def show_again(self, run_id: str) -> None:
        """The message that a killed one has hidden: a new one of the same words takes its place."""
        self.aws.sqs.purge_queue(QueueUrl=self.urls[B])
        self.send(run_id)

    def _declared(self, name: str) -> dict[str, str]:
        return {"checkpoint_version": self.versions[name]} if name in self.versions else {}

    def _has_time(self) -> bool:
        self.batches_left -= 1
        return self.batches_left >= 0


@pytest.fixture
def world(aws: Aws) -> World:
    return World(aws)


def moved(run_id: str) -> RunMessage:
    return RunMessage(AGENT, run_id, "acme", A)


@pytest.mark.parametrize("versions", [{A: "1", B: "1"}, {A: "2", B: "1"}, {}])
def test_runs_that_nobody_began_move_whatever_their_checkpoints(
    world: World, versions: dict[str, str]
) -> None:
    world.versions = versions
    ids = [world.submit(number) for number in range(13)]
    world.apply()
    assert sorted(message.run_id for message in world.messages(A)) == ids
    assert {world.head(run_id)["bundle_id"] for run_id in ids} == {A}
    assert {world.head(run_id)["status"] for run_id in ids} == {"QUEUED"}
    assert world.waiting(B) == 0
    assert world.take(ids[0], A).lease is not None


def test_a_begun_run_moves_where_both_declare_the_same_checkpoints(world: World) -> None:
    run_id = world.begun()
    world.apply()
    assert world.messages(A) == [moved(run_id)]
    assert world.waiting(B) == 0
    assert world.take(run_id, A).lease is not None


@pytest.mark.parametrize("versions", [{A: "2", B: "1"}, {A: "1"}, {B: "1"}, {}])
def test_a_begun_run_ends_with_its_reason_where_they_differ(world: World, versions: dict[str, str]) -> None:
    world.versions = versions
    run_id = world.begun()
    world.apply()
    head = world.head(run_id)
    assert head["status"] == RunStatus.DEAD
    assert head["error"] == f"its release {B} takes no runs any more, and its steps fit no other"
    assert (world.waiting(A), world.waiting(B)) == (0, 0)


@pytest.mark.parametrize("versions", [{A: "1", B: "1"}, {A: "2", B: "1"}])
def test_a_run_that_a_worker_holds_stays_with_its_message(world: World, versions: dict[str, str]) -> None:
    world.versions = versions
    run_id = world.submit()
    world.take(run_id)
    before = world.head(run_id)
    world.apply()
    assert world.head(run_id) == before
    assert (world.waiting(A), world.waiting(B)) == (0, 1)


@pytest.mark.parametrize("status", [RunStatus.DONE, RunStatus.DEAD, RunStatus.CANCELLED])
def test_the_message_of_a_run_that_has_ended_goes(world: World, status: RunStatus) -> None:
    run_id = world.submit()
    lease = world.take(run_id).lease
    assert lease is not None
    world.store.leased.finish(lease, status)
    before = world.head(run_id)
    world.apply()
    assert world.head(run_id) == before
    assert (world.waiting(A), world.waiting(B)) == (0, 0)


def test_the_message_of_an_unknown_run_goes_and_one_that_is_unreadable_stays(world: World) -> None:
    world.send("f" * 32)
    world.aws.sqs.send_message(QueueUrl=world.urls[B], MessageBody="what?")
    world.apply()
    assert (world.waiting(A), world.waiting(B)) == (0, 1)


def killing(_: object) -> None:
    raise Killed


@pytest.mark.parametrize("operation", ["send_message", "delete_message_batch"])
@pytest.mark.parametrize("make", [World.submit, World.begun])
def test_killed_in_the_middle_the_next_call_completes(
    world: World, operation: str, make: Callable[[World], str]
) -> None:
    run_id = make(world)
    world.sqs.before[operation] = killing
    with pytest.raises(Killed):
        world.apply()
    world.sqs.before.clear()
    assert world.head(run_id)["bundle_id"] == A
    world.show_again(run_id)
    world.apply()
    assert set(world.messages(A)) == {moved(run_id)}
    assert world.waiting(B) == 0
    assert world.take(run_id, A).lease is not None


def test_a_worker_that_begins_the_run_at_the_same_moment_keeps_it(world: World) -> None:
    run_id = world.submit()
    find = world.store.find_head

    def found_and_taken(tenant: str, of: str) -> Any:
        head = find(tenant, of)
        world.take(of)
        return head

    world.store.find_head = found_and_taken
    world.apply()
    world.store.find_head = find
    assert (world.head(run_id)["bundle_id"], world.head(run_id)["status"]) == (B, "RUNNING")
    assert (world.waiting(A), world.waiting(B)) == (0, 1)


@pytest.mark.parametrize(("batches", "left"), [(0, 13), (1, 3), (2, 0)])
def test_no_batch_begins_when_there_is_no_time_left(world: World, batches: int, left: int) -> None:
    for number in range(13):
        world.submit(number)
    world.batches_left = batches
    world.apply()
    assert (world.waiting(A), world.waiting(B)) == (13 - left, left)


@pytest.mark.parametrize(
    "record",
    [Record(A), Record(A, B, 500, rejected={B: 1}), Record(A, rejected={C: NOW}), Record(C, rejected={B: 1})],
)
def test_queues_of_releases_that_have_runs_or_lead_nowhere_are_left_alone(
    world: World, record: Record
) -> None:
    run_id = world.submit()
    world.apply(record)
    assert (world.head(run_id)["bundle_id"], world.waiting(B)) == (B, 1)
