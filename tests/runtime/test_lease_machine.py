"""One submitted run, three workers with clocks ten minutes apart, a person and a reaper, in any order."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import hypothesis.strategies as st
from hypothesis import HealthCheck, settings
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from agent_runtime.errors import LeaseLost, RunInProgress
from agent_runtime.hosts.queue import RunMessage
from agent_runtime.people import cancel
from agent_runtime.positions import check_contiguous, next_positions
from agent_runtime.reaper import Reaper
from agent_runtime.records import (
    ENDED,
    HEAD,
    Lease,
    Path,
    RunStatus,
    StepRecord,
    StepState,
    decode,
    step_from,
)
from agent_runtime.steps import StepStore

RUN: dict[str, Any] = {"run_id": "f" * 32, "tenant": "acme"}
SKEWS = (0.0, 600.0, -600.0)
MAX_RECEIVES = 2
workers = st.integers(0, 2)
passes = st.sampled_from([31, 0, 130, 700])
"""Seconds until something happens: within a lease, after it, after the reaper's time, more than the skew."""
WAITS = [RunStatus.QUEUED, RunStatus.SLEEPING, RunStatus.PARKED, RunStatus.WAITING_APPROVAL]


@dataclass
class Holder:
    """A worker that has taken the run, and what it knows of it."""

    lease: Lease
    known: dict[Path, StepRecord]
    has_given_back: bool = False
    """Its steps have ended then, and its heartbeat may come once more."""


def has_holders(machine: "Machine") -> bool:
    return bool(machine.holders)


class Machine(RuleBasedStateMachine):
    pretend: Callable[[], Any]

    def __init__(self) -> None:
        super().__init__()
        self.context = type(self).pretend()
        self.aws = self.context.__enter__()
        self.stores = [self.aws.store(clock=self.aws.clock.skewed(skew)) for skew in SKEWS]
        self.holders: dict[int, Holder] = {}
        self.epoch = 0
        self.committed: dict[Path, str] = {}
        self.frozen: list[dict[str, Any]] | None = None
        """All items as they were when the run ended."""
        self.stores[0].submit(**RUN, input={}, bundle_id="b1")

    def teardown(self) -> None:
        try:
            self.every_run_can_be_brought_to_an_end()
        finally:
            self.context.__exit__(None, None, None)

    @rule(seconds=passes, worker=workers, is_new_message=st.booleans())
    def takes(self, seconds: int, worker: int, is_new_message: bool) -> None:
        self.aws.clock.now += seconds
        sent_at = int(self.aws.clock.now * 1000) if is_new_message else 0
        before = self.head()["status"]
        try:
            opened = self.stores[worker].take_run(**RUN, bundle_id="b1", lease_seconds=30, sent_at=sent_at)
        except RunInProgress:
            return
        if opened.lease is None:
            assert self.frozen is not None
            return
        if self.frozen is not None:
            assert (before, is_new_message) == ("DEAD", True)
            self.frozen = None
        assert opened.lease.epoch > self.epoch
        self.epoch = opened.lease.epoch
        done = {p: s.write_token for p, s in opened.recorded.items() if s.state is StepState.DONE}
        assert done == self.committed
        self.holders[worker] = Holder(opened.lease, dict(opened.recorded))

    @precondition(has_holders)
    @rule(worker=workers, pick=st.integers(0, 9))
    def saves_a_step(self, worker: int, pick: int) -> None:
        self.on_step(worker, pick, lambda steps, lease, path: steps.save(lease, path, "s", "1"))

    @precondition(has_holders)
    @rule(worker=workers, pick=st.integers(0, 9), children=st.sampled_from([0, 2, None]))
    def announces_a_step(self, worker: int, pick: int, children: int | None) -> None:
        self.on_step(
            worker,
            pick,
            lambda steps, lease, path: steps.claim(
                lease, path, "s", effect=children is None, children=None if len(path) > 1 else children
            ),
        )

    @precondition(has_holders)
    @rule(worker=workers, status=st.sampled_from([None, *WAITS]), has_failed=st.booleans())
    def keeps_or_gives_back(self, worker: int, status: RunStatus | None, has_failed: bool) -> None:
        if status is None:
            self.on_head(
                worker, lambda store, lease: store.leased.extend_lease(lease, 30), is_given_back=False
            )
        else:
            due_at, error = self.aws.clock.now + 60, "why" if has_failed else None
            self.on_head(
                worker, lambda store, lease: store.leased.suspend(lease, status, due_at=due_at, error=error)
            )

    @precondition(lambda self: self.holders and self.epoch > 2)
    @rule(worker=workers, status=st.sampled_from([RunStatus.DONE, RunStatus.DEAD]))
    def ends(self, worker: int, status: RunStatus) -> None:
        if self.on_head(worker, lambda store, lease: store.leased.finish(lease, status, output=worker)):
            self.frozen = self.items()

    @precondition(lambda self: self.epoch > 2)
    @rule(worker=workers)
    def is_cancelled(self, worker: int) -> None:
        status = cancel(self.stores[worker], RUN["tenant"], RUN["run_id"])
        if self.frozen is None:
            assert status is RunStatus.CANCELLED
            self.epoch += 1
            self.frozen = self.items()
        else:
            assert status.value == self.head()["status"]

    @rule(seconds=passes, worker=workers)
    def is_reaped(self, seconds: int, worker: int) -> None:
        self.aws.clock.now += seconds
        before = self.head()
        sent: list[RunMessage] = []
        counts = self.reaper(worker, sent).run()
        assert len(sent) == counts["sent"] <= 1
        if self.frozen is not None or before["lease_expires_at"] > self.stores[worker].now() * 1000:
            assert counts["sent"] == counts["dead"] == 0
        if counts["dead"]:
            assert before["takes"] >= MAX_RECEIVES
            self.epoch += 1
            self.frozen = self.items()

    @invariant()
    def the_run_is_whole(self) -> None:
        items = self.items()
        steps = [step_from(decode(item)) for item in items if item["sk"]["S"] != HEAD]
        (head,) = [decode(item) for item in items if item["sk"]["S"] == HEAD]
        check_contiguous({step.path: step for step in steps}, RUN["run_id"])  # I2
        assert {s.path: s.write_token for s in steps if s.state is StepState.DONE} == self.committed
        assert head["epoch"] == self.epoch  # I4
        assert all(step.epoch <= self.epoch for step in steps)
        assert self.frozen is None or items == self.frozen

    def every_run_can_be_brought_to_an_end(self) -> None:
        """Without any word from those who hold it: time, the reaper, and a worker for what it sends."""
        for _ in range(4):
            if RunStatus(self.head()["status"]) in ENDED:
                return
            self.aws.clock.now += 7 * 3600
            sent: list[RunMessage] = []
            self.reaper(0, sent).run()
            for _ in sent:
                opened = self.stores[0].take_run(**RUN, bundle_id="b1", lease_seconds=30)
                assert opened.lease is not None
                self.stores[0].leased.finish(opened.lease, RunStatus.DONE)
        assert RunStatus(self.head()["status"]) in ENDED

    def on_step(self, worker: int, pick: int, write: Callable[[StepStore, Lease, Path], StepRecord]) -> None:
        """A write of a step at a place that its worker takes for open."""
        worker, holder = self.one_of_the_holders(worker)
        if holder.has_given_back:
            return
        root, *children = next_positions(holder.known)
        path = children[pick % len(children)] if children else root
        try:
            made = write(self.stores[worker].steps, holder.lease, path)
        except LeaseLost:
            assert holder.lease.epoch < self.epoch or self.frozen is not None
            del self.holders[worker]
            return
        self.is_held(holder.lease)
        holder.known[path] = made
        if made.state is StepState.DONE:
            assert path not in self.committed
            self.committed[path] = made.write_token

    def on_head(
        self, worker: int, write: Callable[[Any, Lease], None], *, is_given_back: bool = True
    ) -> bool:
        """A write of the head by a worker that has taken the run; whether it was done."""
        worker, holder = self.one_of_the_holders(worker)
        try:
            write(self.stores[worker], holder.lease)
        except LeaseLost:
            assert holder.lease.epoch < self.epoch or self.frozen is not None or holder.has_given_back
            del self.holders[worker]
            return False
        self.is_held(holder.lease)
        assert not holder.has_given_back
        holder.has_given_back = is_given_back
        return True

    def one_of_the_holders(self, pick: int) -> tuple[int, Holder]:
        return sorted(self.holders.items(), key=lambda found: found[0])[pick % len(self.holders)]

    def is_held(self, lease: Lease) -> None:
        assert lease.epoch == self.epoch, "a stale worker has written"
        assert self.frozen is None, "a worker has written to a run that had ended"

    def reaper(self, worker: int, sent: list[RunMessage]) -> Reaper:
        return Reaper(
            self.stores[worker],
            sent.append,
            bundles=frozenset({"b1"}),
            max_receives=MAX_RECEIVES,
            measure=lambda _: None,
        )

    def head(self) -> dict[str, Any]:
        found = self.stores[0].find_head(RUN["tenant"], RUN["run_id"])
        assert found is not None
        return {"lease_expires_at": 0} | found

    def items(self) -> list[dict[str, Any]]:
        return sorted(self.aws.items(), key=lambda item: item["sk"]["S"])


def test_three_workers_a_person_and_a_reaper_leave_every_run_whole(fresh_aws: Callable[[], Any]) -> None:

    class OnFreshAws(Machine):
        pretend = staticmethod(fresh_aws)

    run_state_machine_as_test(
        OnFreshAws,
        settings=settings(
            max_examples=15, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
