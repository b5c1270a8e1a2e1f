"""F7: what becomes of a queued run whose table refuses its writes for a while."""

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from agent_runtime.hosts.job import JobDone
from agent_runtime.hosts.queue import RunMessage
from agent_runtime.reaper import Reaper
from agent_runtime.records import RunRecord, RunStatus
from agent_runtime.run import Run
from tests.runtime.faulty import FaultyClient

MAX_RECEIVES = 3
RUN_ID = "1" * 32


def throttle(request: dict[str, Any]) -> None:
    raise ClientError({"Error": {"Code": "ThrottlingException"}}, "of this table")


class World:
    """One queued run of `agent`, and a table that may be throttled."""

    def __init__(self, aws: Any, model: Any, make_bundle: Callable[..., Any]) -> None:
        self.aws, self.model, self.bundle = aws, model, make_bundle()
        self.dynamodb = FaultyClient(aws.dynamodb)
        self.store = aws.store(self.dynamodb)
        self.agent: Callable[[Run], dict[str, Any]] = lambda run: {"x": run.step("one", lambda: 1)}
        self.message = RunMessage("answers", RUN_ID, "acme", self.bundle.bundle_id)
        self.store.submit(run_id=RUN_ID, tenant="acme", input={}, bundle_id=self.bundle.bundle_id)

    def work(self) -> JobDone:
        """One worker's time with the run; a copy of its message stands for one whose delay is over."""
        self.aws.queue().send(self.message)
        (received,) = self.aws.queue().receive(1, 0, 30)
        runner = self.aws.runner(self.agent, self.model, self.bundle, self.store)
        done = self.aws.work_on(
            received, runner, self.bundle.bundle_id, self.store, max_receives=MAX_RECEIVES
        )
        if done.deletes:
            self.aws.queue().delete([received.receipt_handle])
        return done

    @property
    def record(self) -> RunRecord:
        found = self.aws.store().get_run("acme", RUN_ID)
        assert found is not None
        return found


@pytest.fixture
def world(aws: Any, model: Any, make_bundle: Callable[..., Any]) -> World:
    return World(aws, model, make_bundle)


def test_a_run_whose_step_cannot_be_written_is_given_back_and_the_next_worker_need_not_wait(
    world: World,
) -> None:
    world.dynamodb.before["put_item"] = throttle  # steps; the head is written by updates
    assert world.work().deletes, "a new message has taken its place"
    assert world.record.status == RunStatus.QUEUED
    world.dynamodb.before.clear()
    world.work()
    assert (world.record.status, world.record.output) == (RunStatus.DONE, {"x": 1})


def test_however_often_a_table_refuses_no_run_is_counted_to_death(world: World) -> None:
    def fails_once(run: Run) -> dict[str, Any]:
        run.step("one", lambda: 1)
        raise ValueError

    world.agent = fails_once
    world.dynamodb.before["put_item"] = throttle
    for _ in range(MAX_RECEIVES + 1):
        assert world.work().deletes
        world.aws.clock.now += 31  # also where it could not be given back
    reaper = Reaper(
        world.store,
        world.aws.queue().send,
        bundles=frozenset({world.bundle.bundle_id}),
        max_receives=MAX_RECEIVES,
        measure=lambda _: None,
    )
    world.aws.clock.now += 3600
    assert reaper.run()["dead"] == 0
    world.dynamodb.before.clear()
    assert not world.work().failed
    assert (world.record.status, world.record.takes) == (RunStatus.QUEUED, 1)


def test_a_run_that_cannot_even_be_given_back_goes_on_when_its_lease_is_over(world: World) -> None:
    def no_longer(run: Run) -> dict[str, Any]:
        world.dynamodb.before |= {"put_item": throttle, "update_item": throttle}
        return {"x": run.step("one", lambda: 1)}

    agent, world.agent = world.agent, no_longer
    assert world.work().deletes
    assert world.record.status == RunStatus.RUNNING
    world.dynamodb.before.clear()
    world.agent = agent
    world.aws.clock.now += 31
    world.work()
    assert world.record.status == RunStatus.DONE


def test_an_end_that_was_written_though_its_answer_was_lost_stays_the_end(world: World) -> None:
    def loses_answers(run: Run) -> dict[str, Any]:
        found = {"x": run.step("one", lambda: 1)}
        world.dynamodb.lost["update_item"] = 3
        return found

    world.agent = loses_answers
    assert world.work().deletes
    assert (world.record.status, world.record.output) == (RunStatus.DONE, {"x": 1})
