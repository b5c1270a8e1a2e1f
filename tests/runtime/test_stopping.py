"""A run that a person stops: what still counts, how it is known that it stopped, and how it goes on."""

import threading
from typing import Any

import pytest

from agent_runtime.approvals import Decision
from agent_runtime.checkpoints import CheckpointStore
from agent_runtime.errors import GuardTripped, LeaseLost, ResumeRefused, RunHeld, RunUnknown
from agent_runtime.hosts.job import JobDone
from agent_runtime.hosts.queue import Received, RunMessage
from agent_runtime.open_runs import Wanted, described, ended_heads, found, open_heads
from agent_runtime.people import cancel, decide
from agent_runtime.reaper import SHARDS
from agent_runtime.records import SKEW_SECONDS, RunRequest, RunStatus
from agent_runtime.run import Run
from agent_runtime.stopping import Proof, Stop, Watch, resume, stop
from tests.runtime.durable import LEASE_SECONDS, RUN, Durable
from tests.runtime.pretended import TABLE, Aws

BUNDLE = "b" * 12


def proof_of(store: CheckpointStore, stopped: Stop, waited_seconds: float) -> Proof | None:
    """What a first look gives, so many seconds after the stop."""
    return Watch(stopped, 0.0).proof(store, waited_seconds)


def stopped(durable: Durable) -> Stop:
    return stop(durable.store, "acme", RUN, by="ann", why="it runs in circles")


def submitted(store: CheckpointStore, run_id: str = RUN, tenant: str = "acme") -> None:
    store.submit(run_id=run_id, tenant=tenant, input={"secret": "said"}, bundle_id=BUNDLE)


def taken(store: CheckpointStore) -> Any:
    return store.take_run(run_id=RUN, tenant="acme", bundle_id=BUNDLE, lease_seconds=LEASE_SECONDS)


def test_no_later_step_of_a_stopped_run_counts_and_its_worker_says_that_it_let_go(durable: Durable) -> None:
    told: list[Stop] = []

    def agent(run: Run) -> dict[str, Any]:
        run.step("first", durable.note, "first")
        told.append(stopped(durable))
        assert proof_of(durable.store, told[0], 0.0) is None
        run.step("second", durable.note, "second")
        raise AssertionError("a step was done after the stop")

    run = durable.take()
    with pytest.raises(LeaseLost):
        durable.work(agent, run)
    durable.store.leased.left(run.lease)
    assert durable.done() == ["000001"]
    assert told[0].lease_seconds == LEASE_SECONDS
    assert proof_of(durable.store, told[0], 0.0) is Proof.LET_GO


def test_a_worker_that_says_nothing_is_gone_once_it_had_to_ask_for_its_lease_again(durable: Durable) -> None:
    durable.take()
    told = stopped(durable)
    assert proof_of(durable.store, told, LEASE_SECONDS - 0.1) is None
    assert proof_of(durable.store, told, LEASE_SECONDS) is Proof.LEASE_OVER


@pytest.mark.parametrize("apart", [-SKEW_SECONDS + 1, SKEW_SECONDS - 1])
def test_clocks_that_are_apart_prove_nothing_too_early(aws: Aws, apart: float) -> None:
    submitted(aws.store())
    taken(aws.store())
    told = stop(aws.store(clock=aws.clock.skewed(apart)), "acme", RUN, by="ann", why="w")
    assert proof_of(aws.store(), told, LEASE_SECONDS - 1) is None


def test_a_lease_that_was_over_long_ago_needs_no_wait(aws: Aws) -> None:
    submitted(aws.store())
    taken(aws.store())
    aws.clock.now += LEASE_SECONDS + SKEW_SECONDS + 1
    told = stop(aws.store(), "acme", RUN, by="ann", why="w")
    assert proof_of(aws.store(), told, 0.0) is Proof.NOT_HELD


@pytest.mark.parametrize("status", ["QUEUED", "SLEEPING", "WAITING_APPROVAL", "PARKED"])
def test_a_run_that_nobody_works_on_is_stopped_at_once(aws: Aws, status: str) -> None:
    store = aws.store()
    submitted(store)
    if status != "QUEUED":
        store.leased.suspend(taken(store).lease, RunStatus(status), due_at=aws.clock.now + 60)
    told = stop(store, "acme", RUN, by="ann", why="enough")
    assert (told.was, proof_of(store, told, 0.0)) == (status, Proof.NOT_HELD)
    assert stop(store, "acme", RUN, by="bob", why="again").epoch == told.epoch
    (head,) = open_heads(store, Wanted())
    run = found(head)
    assert (run.status, run.held, run.waits_for) == (RunStatus.PARKED, "stop", "stopped by ann: enough")
    with pytest.raises(RunHeld, match="waits for a person: stopped by ann: enough"):
        taken(store)
    far = int((aws.clock.now + 10**6) * 1000)
    assert [key for shard in SHARDS for key in store.table.due(f"answers#{shard}", far, 10)] == []


def test_a_stop_that_died_before_its_fence_is_ended_by_the_next(durable: Durable) -> None:
    run = durable.take()

    def dies(request: dict[str, Any]) -> None:
        if "step#" in str(request.get("Item")):
            raise KeyboardInterrupt

    durable.faulty.before["put_item"] = dies
    with pytest.raises(KeyboardInterrupt):
        stopped(durable)
    del durable.faulty.before["put_item"]
    told = stopped(durable)
    assert (told.old_epoch, told.lease_seconds) == (run.lease.epoch, LEASE_SECONDS)
    with pytest.raises(LeaseLost):
        durable.store.steps.save(run.lease, (1,), "late", "1")
    assert proof_of(durable.store, told, 0.0) is None


def test_a_stop_whose_answer_was_lost_is_one_stop(durable: Durable) -> None:
    run = durable.take()
    durable.faulty.lost["update_item"] = 1
    assert stopped(durable).epoch == run.lease.epoch + 1


def test_what_has_ended_stays_as_it_is(aws: Aws) -> None:
    store = aws.store()
    submitted(store)
    cancel(store, "acme", RUN)
    told = stop(store, "acme", RUN, by="ann", why="w")
    assert (told.was, proof_of(store, told, 0.0)) == (RunStatus.CANCELLED, Proof.ENDED)
    with pytest.raises(ResumeRefused, match="the run is CANCELLED"):
        resume(store, "acme", RUN, by="ann", why="w")
    with pytest.raises(RunUnknown):
        stop(store, "other", RUN, by="ann", why="w")


def test_a_stopped_run_goes_on_from_its_last_step_when_it_is_resumed(durable: Durable) -> None:
    def agent(run: Run) -> dict[str, Any]:
        done = [run.step(name, durable.note, name) for name in ("first", "second")]
        if durable.executed["stop"] == 0:
            durable.note("stop")
            stopped(durable)
        return {"x": [*done, run.effect("third", lambda idempotency_key: durable.note("third"))]}

    with pytest.raises(LeaseLost):
        durable.work(agent)
    bundle_id = durable.bundle.bundle_id
    with pytest.raises(ResumeRefused, match="no longer deployed"):
        resume(durable.store, "acme", RUN, by="ann", why="mended", bundles=frozenset({"other"}))
    woken = resume(durable.store, "acme", RUN, by="ann", why="mended", bundles=frozenset({bundle_id}))
    assert woken == bundle_id
    assert durable.result(agent) == {"x": ["first", "second", "third"]}
    assert durable.executed == {"first": 1, "second": 1, "third": 1, "stop": 1}


def test_a_decision_on_a_stopped_run_counts_when_it_is_resumed(durable: Durable) -> None:
    def agent(run: Run) -> dict[str, Any]:
        return {"x": run.approve("publish", summary="the report")}

    run = durable.take()
    error: Any = durable.work(agent, run).error
    durable.store.leased.suspend(run.lease, RunStatus.WAITING_APPROVAL, due_at=error.due_at, error=str(error))
    told = stopped(durable)
    assert decide(durable.store, "acme", RUN, (1,), Decision("approve", "ann")) is None  # nothing is woken
    assert proof_of(durable.store, told, 0.0) is Proof.NOT_HELD
    resume(durable.store, "acme", RUN, by="ann", why="go")
    assert durable.result(agent) == {"x": True}


def test_a_run_that_goes_on_again_is_no_proof(aws: Aws) -> None:
    store = aws.store()
    submitted(store)
    told = stop(store, "acme", RUN, by="ann", why="w")
    resume(store, "acme", RUN, by="bob", why="v")
    with pytest.raises(RunUnknown, match="let the run go on again"):
        proof_of(store, told, 0.0)


def test_the_message_of_a_stopped_run_is_deleted_since_resuming_sends_one(durable: Durable) -> None:
    durable.take()
    stopped(durable)
    queue = durable.aws.queue()
    queue.send(RunMessage("answers", RUN, "acme", durable.bundle.bundle_id))
    (received,) = queue.receive(1, 0, 30)
    assert worked_on(durable, received) == JobDone(deletes=True)


def test_a_worker_says_that_it_let_the_run_go_when_it_finds_it_stopped(durable: Durable) -> None:
    told: list[Stop] = []

    def agent(run: Run) -> dict[str, Any]:
        told.append(stopped(durable))
        return run.step("late", dict)

    submitted_bundle = durable.bundle.bundle_id
    durable.store.submit(run_id=RUN, tenant="acme", input={}, bundle_id=submitted_bundle)
    queue = durable.aws.queue()
    queue.send(RunMessage("answers", RUN, "acme", submitted_bundle))
    (received,) = queue.receive(1, 0, 30)
    assert worked_on(durable, received, agent) == JobDone()
    assert proof_of(durable.store, told[0], 0.0) is Proof.LET_GO


def test_a_stopped_turn_on_lambda_waits_for_a_person_and_then_for_its_caller(durable: Durable) -> None:
    request = RunRequest(RUN, "acme", {})
    told: list[Stop] = []

    def agent(run: Run) -> dict[str, Any]:
        if not told:
            told.append(stopped(durable))
        return {"x": run.step("one", durable.note, "one")}

    runner = durable.aws.runner(agent, durable.model, durable.bundle, durable.store)

    def turn() -> Any:
        return runner.run(request, lease_seconds=30, remaining_seconds=lambda: 30.0)

    with pytest.raises(LeaseLost):
        turn()
    assert proof_of(durable.store, told[0], 0.0) is Proof.LET_GO
    with pytest.raises(RunHeld):
        turn()
    assert resume(durable.store, "acme", RUN, by="ann", why="go") is None
    assert turn().output == {"x": "one"}
    assert list(open_heads(durable.store, Wanted())) == []


@pytest.mark.parametrize("is_queued", [True, False])
def test_a_run_that_a_guard_has_parked_waits_for_a_person_too(durable: Durable, is_queued: bool) -> None:
    def agent(run: Run) -> dict[str, Any]:
        if run.step("count", durable.note, "count") and not opens:
            raise GuardTripped("loop", "the same call three times")
        return {"resumes": opens[0].resumes}

    opens: list[Any] = []
    runner = durable.aws.runner(agent, durable.model, durable.bundle, durable.store)
    bundle_id = durable.bundle.bundle_id
    if is_queued:
        durable.store.submit(run_id=RUN, tenant="acme", input={}, bundle_id=bundle_id)
        queue = durable.aws.queue()
        queue.send(RunMessage("answers", RUN, "acme", bundle_id))
        (received,) = queue.receive(1, 0, 30)
        worked_on(durable, received, agent)
    else:
        runner.run(RunRequest(RUN, "acme", {}), lease_seconds=30, remaining_seconds=lambda: 30.0)
    (head,) = open_heads(durable.store, Wanted())
    assert (head["status"], head["held"]) == ("PARKED", "loop")
    with pytest.raises(RunHeld, match="the same call three times"):
        durable.take()
    assert resume(durable.store, "acme", RUN, by="ann", why="go") == (bundle_id if is_queued else None)
    opens.append(durable.store.get_run("acme", RUN))
    assert durable.result(agent) == {"resumes": 1}


def test_open_runs_are_found_on_every_host_and_ended_ones_by_reading_all(aws: Aws) -> None:
    store = aws.store()
    numbers = {f"{n:032x}": tenant for n, tenant in enumerate(("a", "b", "a"), 1)}
    for run_id, tenant in numbers.items():
        submitted(store, run_id, tenant)
    opened = store.open_run(run_id="f" * 32, tenant="c", input={}, bundle_id="d" * 12, lease_seconds=30)
    assert {head["run_id"] for head in open_heads(store, Wanted())} == {*numbers, "f" * 32}
    assert {head["tenant"] for head in open_heads(store, Wanted(tenant="a"))} == {"a"}
    assert [head["run_id"] for head in open_heads(store, Wanted(bundle_id="d" * 12))] == ["f" * 32]
    (head,) = open_heads(store, Wanted(run_id="f" * 32))
    assert "input" not in head
    assert opened.lease is not None
    store.leased.finish(opened.lease, RunStatus.FAILED)
    assert len(list(open_heads(store, Wanted(statuses=frozenset({RunStatus.FAILED}))))) == 1
    cancel(store, "b", f"{2:032x}")
    assert {head["tenant"] for head in open_heads(store, Wanted())} == {"a", "c"}
    assert [head["tenant"] for head in ended_heads(store, Wanted(), 0)] == ["b"]
    assert list(ended_heads(store, Wanted(), int(aws.clock.now * 1000) + 1)) == []


def test_a_run_under_way_is_described_as_far_as_it_is_without_what_was_said(durable: Durable) -> None:
    def agent(run: Run) -> dict[str, Any]:
        run.model(name="ask", messages=[{"role": "user", "content": "?"}])
        told.append(described(durable.store, "acme", RUN))
        return {}

    told: list[Any] = []
    durable.result(agent)
    (shown,) = told
    assert [(step["name"], step["state"]) for step in shown["steps"]] == [("ask", "DONE")]
    assert shown["usage"]["cost_usd"] == pytest.approx(0.0002)
    assert "input" not in str(shown).replace("input_tokens", "")
    assert described(durable.store, "acme", "e" * 32) is None


@pytest.mark.parametrize("dynamodb", ["dynamodb-local"], indirect=True)
def test_whenever_a_run_is_stopped_no_step_is_committed_after_the_stop_came_back(aws: Aws) -> None:
    working = threading.Event()
    for number in range(5):
        store, run_id = aws.store(), f"{number:032x}"
        submitted(store, run_id)
        opened = store.take_run(run_id=run_id, tenant="acme", bundle_id=BUNDLE, lease_seconds=60)
        lease, begun = opened.lease, threading.Event()
        assert lease is not None

        def worker(store: CheckpointStore = store, lease: Any = lease, begun: Any = begun) -> None:
            for step in range(1, 1_000):
                working.wait(0.02)  # what a step does that is worth a checkpoint takes longer
                try:
                    store.steps.save(lease, (step,), "s", "1")
                except LeaseLost:
                    store.leased.left(lease)
                    return
                if step == 3:
                    begun.set()

        thread = threading.Thread(target=worker)
        thread.start()
        assert begun.wait(30)
        told = stop(aws.store(), "acme", run_id, by="ann", why="w")
        committed = len([item for item in aws.steps(run_id) if item["state"]["S"] == "DONE"])
        thread.join(30)
        assert len([item for item in aws.steps(run_id) if item["state"]["S"] == "DONE"]) == committed
        assert proof_of(aws.store(), told, 0.0) is Proof.LET_GO


def worked_on(durable: Durable, received: Received, agent: Any = lambda _: {}) -> JobDone:
    runner = durable.aws.runner(agent, durable.model, durable.bundle, durable.store)
    how: Any = {"lease_seconds": LEASE_SECONDS, "max_receives": 5, "jitter": lambda: 0.5}
    return durable.aws.work_on(received, runner, durable.bundle.bundle_id, durable.store, **how)


def test_no_value_of_a_caller_lies_in_what_a_stop_wrote(aws: Aws) -> None:
    submitted(aws.store())
    stop(aws.store(), "acme", RUN, by="ann", why="w")
    (item,) = [item for item in aws.items(TABLE) if item["sk"]["S"] == "run"]
    assert "said" not in item["error"]["S"]
