"""A run that is stopped while its worker is in a long step: how long the worker is waited for."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from agent_runtime.control import ControlReader
from agent_runtime.hosts.protection import TaskProtection
from agent_runtime.hosts.queue import RunMessage
from agent_runtime.hosts.worker import Limits, Worker
from agent_runtime.people import cancel
from agent_runtime.records import RunStatus
from agent_runtime.run import Run
from agent_runtime.standing import Standing
from agent_runtime.stopping import Proof, Stop, Watch, let_go, resume, still_at_work, stop
from tests.runtime.durable import LEASE_SECONDS, RUN, Durable
from tests.runtime.pretended import CONTROL, Aws

_SECONDS = 60


def stopped(durable: Durable) -> Stop:
    return stop(durable.store, "acme", RUN, by="ann", why="it runs in circles")


def test_a_worker_that_says_that_it_is_still_in_a_step_is_waited_for_however_long(durable: Durable) -> None:
    lease = durable.take().lease
    watch = Watch(stopped(durable), 0.0)
    for now in range(30, 3_000, 30):
        still_at_work(durable.store, lease)
        assert watch.proof(durable.store, now) is None
    let_go(durable.store, lease)
    assert watch.proof(durable.store, 3_000) is Proof.LET_GO


def test_a_worker_that_falls_silent_after_it_was_heard_is_gone_a_lease_later(durable: Durable) -> None:
    lease = durable.take().lease
    watch = Watch(stopped(durable), 0.0)
    still_at_work(durable.store, lease)
    assert watch.proof(durable.store, 50) is None
    assert watch.proof(durable.store, 50 + LEASE_SECONDS - 0.1) is None
    assert watch.proof(durable.store, 50 + LEASE_SECONDS) is Proof.LEASE_OVER


def test_who_stops_it_again_hears_of_it_anew(durable: Durable) -> None:
    lease = durable.take().lease
    stopped(durable)
    still_at_work(durable.store, lease)
    again = Watch(stopped(durable), 0.0)
    assert again.proof(durable.store, LEASE_SECONDS) is None
    assert again.proof(durable.store, 2 * LEASE_SECONDS) is Proof.LEASE_OVER


def test_a_word_of_an_earlier_stop_says_nothing_of_a_later_one(durable: Durable) -> None:
    old = durable.take().lease
    stopped(durable)
    still_at_work(durable.store, old)
    resume(durable.store, "acme", RUN, by="ann", why="go")
    durable.take()
    watch = Watch(stopped(durable), 0.0)
    still_at_work(durable.store, old)  # a worker of two stops ago, still in its step
    assert watch.proof(durable.store, LEASE_SECONDS) is Proof.LEASE_OVER
    assert watch.words == 0


def test_of_a_run_that_another_worker_took_over_nothing_is_written(durable: Durable) -> None:
    old = durable.take().lease
    durable.take()
    before = durable.store.find_head("acme", RUN)
    still_at_work(durable.store, old)
    assert durable.store.find_head("acme", RUN) == before


def test_a_word_that_cannot_be_written_is_said_again_at_the_next_heartbeat(durable: Durable) -> None:
    lease = durable.take().lease
    watch = Watch(stopped(durable), 0.0)

    def refuses(_request: dict[str, Any]) -> None:
        raise EndpointConnectionError(endpoint_url="http://127.0.0.1")

    durable.faulty.before["update_item"] = refuses
    still_at_work(durable.store, lease)
    del durable.faulty.before["update_item"]
    assert watch.proof(durable.store, LEASE_SECONDS - 1) is None
    still_at_work(durable.store, lease)
    assert watch.proof(durable.store, LEASE_SECONDS) is None


class Busy:
    """A worker whose run is in a step until it is let out."""

    def __init__(self, aws: Aws, model: Any, bundle: Any) -> None:
        self.entered, self.out = threading.Event(), threading.Event()
        self.store = aws.store()
        self.worker = Worker(
            aws.queue(),
            self.store,
            aws.runner(self._agent, model, bundle, self.store),
            aws.brake(),
            bundle_id=bundle.bundle_id,
            limits=Limits(turn_slots=1, tenant_turns=1),
            standing=Standing(ControlReader(aws.dynamodb, CONTROL, "answers"), bundle.bundle_id),
            protection=TaskProtection({}),
            measure=lambda *_: None,
        )
        self.store.submit(run_id=RUN, tenant="acme", input={}, bundle_id=bundle.bundle_id)
        self.done = self.worker.turn(RunMessage("answers", RUN, "acme", bundle.bundle_id))
        assert self.entered.wait(_SECONDS)

    def _agent(self, run: Run) -> dict[str, Any]:
        return {"x": run.step("long", self._long)}

    def _long(self) -> None:
        self.entered.set()
        assert self.out.wait(_SECONDS)

    def beat(self) -> None:
        for job in self.worker._held.under_way:
            self.worker._extend(job)


@pytest.fixture
def busy(aws: Aws, model: Any, make_bundle: Any) -> Iterator[Busy]:
    made = Busy(aws, model, make_bundle())
    yield made
    made.out.set()
    made.done.result(_SECONDS)


def test_a_worker_says_at_each_heartbeat_that_it_is_still_in_a_step_and_at_its_end_that_it_let_go(
    busy: Busy,
) -> None:
    busy.beat()
    watch = Watch(stop(busy.store, "acme", RUN, by="ann", why="w"), 0.0)
    for beats in range(1, 4):
        busy.beat()
        assert watch.proof(busy.store, beats * 90.0) is None
        assert watch.words == beats
    busy.out.set()
    busy.done.result(_SECONDS)
    assert watch.proof(busy.store, 271.0) is Proof.LET_GO
    head = busy.store.find_head("acme", RUN)
    assert head is not None
    assert head["status"] == RunStatus.PARKED


def test_a_worker_says_nothing_of_a_run_that_was_cancelled(busy: Busy) -> None:
    cancel(busy.store, "acme", RUN)
    busy.beat()
    head = busy.store.find_head("acme", RUN)
    assert head is not None
    assert "busy_words" not in head
