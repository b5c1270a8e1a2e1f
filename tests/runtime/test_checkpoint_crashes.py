"""Schedules of crashes and of workers with skewed clocks, judged by what was executed and committed."""

import json
import uuid
from collections import Counter
from collections.abc import Callable
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from agent_runtime.bundle import Bundle
from agent_runtime.errors import LeaseLost, RunInProgress
from agent_runtime.records import Lease, RunRequest, RunStatus, StepState
from agent_runtime.run import Run

POINTS = ("before the work", "after the work", "before the write", "after the write", "before the end")


class Killed(BaseException):
    """The process is gone: nothing that runs on an exception runs on this."""


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    steps=st.integers(1, 4),
    crashes=st.lists(st.tuples(st.integers(1, 4), st.sampled_from(POINTS)), max_size=4),
    answers_lost=st.integers(0, 2),
)
def test_no_completed_step_is_done_again_and_none_is_skipped(
    aws: Any,
    faulty: Any,
    model: Any,
    make_bundle: Callable[..., Bundle],
    steps: int,
    crashes: list[tuple[int, str]],
    answers_lost: int,
) -> None:
    run_id = uuid.uuid4().hex
    executed: Counter[int] = Counter()
    executed_after_commit: list[int] = []
    crash: list[tuple[int, str]] = []

    def committed() -> set[int]:
        return {int(i["sk"]["S"][5:]) for i in aws.steps(run_id) if i["state"]["S"] == "DONE"}

    def die_at(sequence: int, point: str) -> None:
        if crash == [(sequence, point)]:
            raise Killed

    def work(sequence: int) -> int:
        die_at(sequence, "before the work")
        if sequence in committed():
            executed_after_commit.append(sequence)
        executed[sequence] += 1
        die_at(sequence, "after the work")
        return sequence * 10

    def agent(run: Run) -> dict[str, Any]:
        done: list[int] = []
        for sequence in range(1, steps + 1):
            done.append(run.step(f"step-{sequence}", work, sequence))
            die_at(sequence, "after the write")
        die_at(steps, "before the end")
        return {"done": done}

    def before_write(request: dict[str, Any]) -> None:
        if request["Item"]["sk"]["S"] != "run" and request["Item"]["state"]["S"] == "DONE":
            die_at(int(request["Item"]["sk"]["S"][5:]), "before the write")

    faulty.before["put_item"] = before_write
    faulty.lost.update({"put_item": answers_lost})
    runner = aws.runner(agent, model, make_bundle(), aws.store(faulty))
    request = RunRequest(run_id, "acme", {"n": steps})
    for planned in crashes:
        crash[:] = [planned]
        try:
            runner.run(request, lease_seconds=10, remaining_seconds=lambda: 10.0)
        except Killed:
            aws.clock.now += 11
    crash.clear()
    outcome = runner.run(request, lease_seconds=10, remaining_seconds=lambda: 10.0)
    assert outcome.status == RunStatus.DONE
    assert outcome.output == {"done": [n * 10 for n in range(1, steps + 1)]}
    assert committed() == set(range(1, steps + 1))
    assert executed_after_commit == []
    assert all(executed[n] >= 1 for n in range(1, steps + 1))
    assert executed.total() <= steps + len(crashes)


class Workers(RuleBasedStateMachine):
    """Three workers with clocks ten minutes apart take one run over from each other as they please."""

    pretend: Callable[[], Any]
    SKEWS = (0.0, 600.0, -600.0)

    def __init__(self) -> None:
        super().__init__()
        self.context = type(self).pretend()
        self.aws = self.context.__enter__()
        self.stores = [self.aws.store(clock=self.aws.clock.skewed(skew)) for skew in self.SKEWS]
        self.leases: dict[int, Lease] = {}
        self.next_step: dict[int, int] = {}
        self.committed: dict[int, str] = {}
        self.epochs: list[int] = [0]
        self.output: str | None = None

    def teardown(self) -> None:
        self.context.__exit__(None, None, None)

    @rule(seconds=st.sampled_from([1, 31, 700]))
    def time_passes(self, seconds: int) -> None:
        self.aws.clock.now += seconds

    @rule(worker=st.integers(0, 2))
    def opens(self, worker: int) -> None:
        try:
            opened = self.stores[worker].open_run(
                run_id="f" * 32, tenant="acme", input=1, bundle_id="b", lease_seconds=30
            )
        except RunInProgress:
            return
        if opened.lease is None:
            assert opened.record.output == self.output
            return
        assert self.output is None
        assert opened.lease.epoch > self.epochs[-1]
        self.epochs.append(opened.lease.epoch)
        found = {
            step.path[0]: self.stores[worker].steps.load(step)
            for step in opened.recorded.values()
            if step.state is StepState.DONE
        }
        assert found == self.committed
        self.leases[worker], self.next_step[worker] = opened.lease, len(found) + 1

    @rule(worker=st.integers(0, 2))
    def writes_a_step(self, worker: int) -> None:
        if worker not in self.leases or self.next_step[worker] > 8:
            return
        sequence, value = self.next_step[worker], json.dumps(f"{worker} in epoch {self.leases[worker].epoch}")
        try:
            self.stores[worker].steps.save(self.leases[worker], (sequence,), "step", value)
        except LeaseLost:
            assert self.leases.pop(worker).epoch < self.epochs[-1]
            return
        assert self.leases[worker].epoch == self.epochs[-1]
        assert sequence not in self.committed
        self.committed[sequence] = value
        self.next_step[worker] += 1

    @rule(worker=st.integers(0, 2))
    def finishes(self, worker: int) -> None:
        lease = self.leases.pop(worker, None)
        if lease is None:
            return
        try:
            self.stores[worker].leased.finish(lease, RunStatus.DONE, output=f"by {worker}")
        except LeaseLost:
            assert lease.epoch < self.epochs[-1]
            return
        assert lease.epoch == self.epochs[-1]
        self.output = f"by {worker}"

    @invariant()
    def steps_are_contiguous_and_never_change(self) -> None:
        done = [item for item in self.aws.steps("f" * 32) if item["state"]["S"] == "DONE"]
        assert {int(i["sk"]["S"][5:]): i["result"]["S"] for i in done} == self.committed
        assert sorted(self.committed) == list(range(1, len(self.committed) + 1))


def test_workers_with_skewed_clocks_commit_each_step_once(fresh_aws: Callable[[], Any]) -> None:
    class OnFreshAws(Workers):
        pretend = staticmethod(fresh_aws)

    run_state_machine_as_test(
        OnFreshAws,
        settings=settings(
            max_examples=15, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )


@pytest.mark.parametrize("workers", [2, 8])
def test_a_request_delivered_more_than_once_at_a_time_is_executed_once(
    aws: Any, faulty: Any, model: Any, make_bundle: Callable[..., Bundle], workers: int
) -> None:
    executed: list[str] = []

    def agent(run: Run) -> dict[str, Any]:
        return {"done": run.step("only", lambda: executed.append(run.run_id))}

    request = RunRequest("e" * 32, "acme", {"n": 1})
    refused: list[Exception] = []

    def deliver(_: dict[str, Any]) -> None:
        if len(refused) < workers - 1 and executed == []:
            refused.append(RunInProgress("placeholder", 1))
            try:
                runner.run(request, lease_seconds=10, remaining_seconds=lambda: 10.0)
            except RunInProgress as error:
                refused[-1] = error

    faulty.before["put_item"] = deliver
    runner = aws.runner(agent, model, make_bundle(), aws.store(faulty))
    try:
        runner.run(request, lease_seconds=10, remaining_seconds=lambda: 10.0)
    except RunInProgress as error:
        refused.append(error)
    assert len(executed) == 1
    assert runner.run(request, lease_seconds=10, remaining_seconds=lambda: 10.0).output == {"done": None}
    assert len(executed) == 1
