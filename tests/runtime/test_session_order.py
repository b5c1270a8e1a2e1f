"""A turn that is interrupted comes back before the next one begins, so that neither overwrites the other."""

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from agent_runtime.bundle import MemorySpec
from agent_runtime.errors import RunInProgress
from agent_runtime.heads import GRACE_SECONDS
from agent_runtime.hosts.job import JobDone
from agent_runtime.hosts.queue import RunMessage
from agent_runtime.hosts.session_pins import SessionPins
from agent_runtime.restoring import Restorer
from agent_runtime.run import Run
from agent_runtime.snapshots import Snapshots
from tests.runtime.faulty import FaultyClient
from tests.runtime.pretended import CONTROL

SESSION = "s-1"


class World:
    """One session, of whose turns each adds its run to a list."""

    def __init__(self, aws: Any, make_bundle: Callable[..., Any]) -> None:
        self.aws, self.bundle = aws, make_bundle(memory=MemorySpec())
        self.dynamodb = FaultyClient(aws.dynamodb)
        self.store = aws.store(self.dynamodb)
        self.interruption: str | None = None
        self.fails = False
        self.first, self.second = (self._submit(number) for number in (1, 2))

    def work(self, message: RunMessage) -> JobDone:
        """One worker's time with a copy of the message."""
        queue = self.aws.queue()
        queue.send(message)
        (received,) = queue.receive(1, 0, 3600)
        while RunMessage.read(received.body).run_id != message.run_id:
            (received,) = queue.receive(1, 0, 3600)
        runner = self.aws.runner(self._agent, None, self.bundle, self.store)
        assert runner.turns is not None
        pins = SessionPins(runner.turns.sessions, self.aws.dynamodb, CONTROL, has_queues=True)
        how: Any = {"max_receives": 5, "interruption": lambda: self.interruption, "session_pins": pins}
        return self.aws.work_on(received, runner, self.bundle.bundle_id, self.store, **how)

    def status(self, message: RunMessage) -> str:
        return self.store.get_run("acme", message.run_id).status.value

    def remembers(self) -> list[str]:
        sessions = self.aws.runner(self._agent, None, self.bundle).turns.sessions
        snapshots = Snapshots(self.store.table, self.store.blobs, "answers", self.aws.clock)
        return Restorer(sessions, snapshots).content("acme", SESSION)["runs"]

    def _agent(self, run: Run) -> dict[str, Any]:
        run.memory["runs"] = [*run.memory.get("runs", []), run.run_id[-1]]
        run.step("one", lambda: 1)
        if self.fails:
            raise ValueError
        return {}

    def _submit(self, number: int) -> RunMessage:
        message = RunMessage("answers", f"{number:032x}", "acme", self.bundle.bundle_id, SESSION)
        self.store.submit(
            run_id=message.run_id, tenant="acme", input={}, bundle_id=message.bundle_id, session=SESSION
        )
        return message


@pytest.fixture
def world(aws: Any, make_bundle: Callable[..., Any]) -> World:
    return World(aws, make_bundle)


def stops(world: World) -> None:
    world.interruption = "the worker stops"


def is_throttled(world: World) -> None:
    def throttle(request: dict[str, Any]) -> None:
        if request["Item"]["sk"]["S"].startswith("step#"):
            raise ClientError({"Error": {"Code": "ThrottlingException"}}, "of this table")

    world.dynamodb.before["put_item"] = throttle


def fails(world: World) -> None:
    world.fails = True


def recovers(world: World) -> None:
    world.interruption, world.fails = None, False
    world.dynamodb.before.clear()


@pytest.mark.parametrize("how", [stops, is_throttled, fails])
def test_a_turn_that_comes_back_by_itself_is_waited_for(world: World, how: Callable[[World], None]) -> None:
    how(world)
    world.work(world.first)
    recovers(world)
    assert world.work(world.second).outcome is None
    assert (world.status(world.first), world.status(world.second)) == ("QUEUED", "QUEUED")
    for message in (world.first, world.second):
        assert world.work(message).outcome is not None, "at once"
    assert world.remembers() == ["1", "2"]


def test_one_that_does_not_come_back_after_all_is_not_waited_for_for_long(world: World) -> None:
    stops(world)
    world.work(world.first)
    recovers(world)
    world.aws.clock.now += GRACE_SECONDS
    assert world.work(world.second).outcome is not None
    assert world.remembers() == ["2"]


def test_whoever_finds_the_run_in_work_leaves_its_session_to_it(world: World) -> None:
    """Its worker had lost the session alone, and comes back for it."""
    opened = world.store.take_run(
        run_id=world.first.run_id, tenant="acme", bundle_id=world.bundle.bundle_id, lease_seconds=30
    )
    assert opened.lease is not None
    assert world.work(world.first) == JobDone(comes_back=True)
    with pytest.raises(RunInProgress):
        world.store.take_run(
            run_id=world.first.run_id, tenant="acme", bundle_id=world.bundle.bundle_id, lease_seconds=30
        )
    assert world.work(world.second).outcome is None
    world.aws.clock.now += 31
    for message in (world.first, world.second):
        assert world.work(message).outcome is not None
    assert world.remembers() == ["1", "2"]
