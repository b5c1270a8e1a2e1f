"""I8: a release is sent back while a worker of it is killed. What each part does of it `tests/rollout` proves
(queues, standing, the controller's deaths) and `test_pods_sessions` for pods; here they do it together."""

import time
from typing import Any

from agent_runtime.control import ControlReader
from agent_runtime.hosts.queue import Queue, RunMessage
from agent_runtime.moving import is_in_hand
from agent_runtime.rollout.plan import Plan
from agent_runtime.rollout.queues import QueueTraffic
from agent_runtime.rollout.record import Phase, Record, item_from
from agent_runtime.rollout.store import State
from agent_runtime.traffic import WHOLE
from tests.faults.invariants import assert_invariants
from tests.faults.pods import Pods, Release
from tests.faults.world import AGENT, TENANT, World
from tests.histories import assert_pinned


class Rollout:
    """The releases of a world, and what the control table says of them."""

    def __init__(self, world: World, good: Release, bad: Release) -> None:
        self.world, self.good, self.bad = world, good, bad
        self.urls = {held.bundle_id: held.environment["AGENT_QUEUE_URL"] for held in (good, bad)}
        part: dict[str, Any] = {"candidate_basis_points": WHOLE, "phase": Phase.CANARY}
        self.write(Record(good.bundle_id, candidate=bad.bundle_id, **part))

    def write(self, record: Record) -> None:
        self.record = record
        table = f"control-{self.world.name}"
        self.world.dynamodb.put_item(TableName=table, Item=item_from(AGENT, record))

    def submit(self, number: int, do: list[Any]) -> str:
        """As the front door does, to the release that the record gives it."""
        run_id = f"{number:032x}"
        _, traffic = ControlReader(self.world.dynamodb, f"control-{self.world.name}", AGENT).read()
        bundle_id = traffic.bundle_for(run_id)
        self.world.store().submit(run_id=run_id, tenant=TENANT, input={"do": do}, bundle_id=bundle_id)
        message = RunMessage(AGENT, run_id, TENANT, bundle_id)
        Queue(self.world.sqs, self.urls[bundle_id]).send(message)
        return run_id

    def head(self, run_id: str) -> dict[str, Any]:
        found = self.world.store().find_head(TENANT, run_id)
        assert found is not None
        return found

    def empty_the_bad_queue(self) -> bool:
        """A round of the controller; whether nothing is left there."""
        ids = (self.good.bundle_id, self.bad.bundle_id)
        told = {f"{name}#ecs": {"queue_url": self.urls[name], "checkpoint_version": "1"} for name in ids}
        state = State(Plan(agent=AGENT, host="ecs", releases=ids), self.record, {}, told)
        traffic = QueueTraffic(self.world.store(), lambda url: Queue(self.world.sqs, url), lambda: True)
        traffic.apply(state, lambda: self.record)
        return self.world.depth(self.urls[self.bad.bundle_id]) == 0


def test_after_a_rollback_the_bad_release_begins_no_run_though_its_worker_was_killed_and_comes_back(
    pods: Pods,
) -> None:
    world = pods.world
    rollout = Rollout(world, pods.release(), pods.release(max_steps=400))
    begun = rollout.submit(1, [["step", 1], ["model", None], ["effect", None]])
    doomed = world.start_worker(
        {"kill": {"point": "after checkpoint", "n": 1}},
        **rollout.bad.environment,
        AGENT_WORKER_CONCURRENCY="1",
    )
    world.wait("the kill", lambda: doomed.poll() is not None)
    waiting = rollout.submit(2, [["step", 1], ["effect", None]])
    assert {world.record(run_id).bundle_id for run_id in (begun, waiting)} == {rollout.bad.bundle_id}
    world.wait("the lease's end", lambda: not is_in_hand(world.store(), rollout.head(begun)))
    rollout.write(rollout.record.gone_back(int(time.time() * 1000), stops=False))
    before = len(world.history())
    back = world.start_worker(**rollout.bad.environment)
    late = rollout.submit(3, [["step", 1]])
    assert world.record(late).bundle_id == rollout.good.bundle_id
    world.wait("the moves", rollout.empty_the_bad_queue)
    world.start_worker(**rollout.good.environment)
    world.wait_for_status([begun, waiting, late], "DONE", "DEAD")
    assert world.record(begun).output == {"results": [1, "an answer", "done"]}
    assert back.poll() is None
    assert_pinned(world.history()[before:], frozenset({rollout.bad.bundle_id}))
    runs = {begun, waiting, late}
    assert {world.record(run_id).bundle_id for run_id in runs} == {rollout.good.bundle_id}
    assert sorted(world.notes()) == sorted(set(world.notes())), "no step was done twice"
    assert_invariants(world, accepted=3)
