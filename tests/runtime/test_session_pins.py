"""A session stays on its release as long as that takes runs; then it moves, or ends with a reason."""

from collections.abc import Callable
from typing import Any

import pytest

from agent_runtime.bundle import Bundle, MemorySpec
from agent_runtime.checkpoints import CheckpointStore
from agent_runtime.hosts.job import JobDone
from agent_runtime.hosts.queue import RunMessage
from agent_runtime.hosts.session_pins import SessionPins
from agent_runtime.records import RunStatus
from agent_runtime.rollout.record import Record, item_from
from agent_runtime.run import Run
from agent_runtime.runner import Runner
from tests.runtime.lambdas import Api, Event
from tests.runtime.pretended import CONTROL

SESSION = "s-1"
Make = Callable[..., Bundle]


def counts(run: Run) -> dict[str, Any]:
    run.memory["turns"] = run.memory.get("turns", 0) + 1
    return {"turns": run.memory["turns"]}


class World:
    """Two releases with memory, whose traffic a test sets."""

    def __init__(self, aws: Any, make_bundle: Make, checkpoint_version: int | None) -> None:
        self.aws = aws
        given: dict[str, Any] = {"memory": MemorySpec(), "checkpoint_version": checkpoint_version}
        self.stable = make_bundle(**given)
        self.candidate = make_bundle(code={"agent.py": "1" * 64}, **given)

    def record(self, *, rejects: bool = False, points: int = 0, deploys: str = "") -> None:
        """`deploys` is how the release items of both end; none without."""
        candidate, stable = self.candidate.bundle_id, self.stable.bundle_id
        record = Record(
            stable, candidate if points else None, points, rejected={candidate: 1} if rejects else {}
        )
        self.aws.dynamodb.put_item(TableName=CONTROL, Item=item_from("answers", record))
        for bundle_id in (stable, candidate) if deploys else ():
            item = {"agent": {"S": "answers"}, "item": {"S": f"release#{bundle_id}{deploys}"}}
            self.aws.dynamodb.put_item(TableName=CONTROL, Item=item)

    def pinned(self, session: str = SESSION) -> str:
        runner = self.runner(self.stable)
        assert runner.turns is not None
        found = runner.turns.sessions.find("acme", session)
        assert found is not None
        return found.bundle_id

    def runner(self, bundle: Bundle) -> Runner:
        return self.aws.runner(counts, None, bundle)


@pytest.fixture(params=[1])
def world(aws: Any, make_bundle: Make, request: pytest.FixtureRequest) -> World:
    return World(aws, make_bundle, request.param)


without_version = pytest.mark.parametrize("world", [None], indirect=True)


# On Lambda.


@pytest.fixture
def say(world: World, model: Any, http_event: Event) -> Callable[[Bundle], tuple[int, dict[str, Any], Any]]:
    def turn(bundle: Bundle) -> tuple[int, dict[str, Any], Any]:
        api = Api(world.aws, model, bundle)
        api.agent = counts
        return api(http_event(body={"input": {}, "session": SESSION}))

    return turn


def test_a_call_that_reaches_the_other_release_is_told_to_ask_again(world: World, say: Any) -> None:
    world.record(points=500)
    assert say(world.candidate)[1]["output"] == {"turns": 1}
    status, problem, headers = say(world.stable)
    assert (status, problem["type"]) == (409, "urn:agent-hosting:problem:session-elsewhere")
    assert headers["retry-after"] == "1"
    assert say(world.candidate)[1]["output"] == {"turns": 2}


def test_after_a_rollback_the_session_goes_on_where_both_declare_the_same_checkpoints(
    world: World, say: Any
) -> None:
    world.record(points=500)
    say(world.candidate)
    world.record(rejects=True)
    assert say(world.stable)[1]["output"] == {"turns": 2}
    assert world.pinned() == world.stable.bundle_id


@without_version
def test_after_a_rollback_it_is_refused_with_the_reason_where_they_do_not(world: World, say: Any) -> None:
    world.record(points=500)
    say(world.candidate)
    world.record(rejects=True)
    status, problem, headers = say(world.stable)
    assert (status, problem["type"]) == (409, "urn:agent-hosting:problem:session-stranded")
    assert "begin another session" in problem["detail"]
    assert "retry-after" not in headers, "asking again helps nobody"
    assert world.pinned() == world.candidate.bundle_id


def test_a_session_in_a_turn_answers_when_to_ask_again(world: World, say: Any) -> None:
    world.record()
    runner = world.runner(world.stable)
    turn = runner.begin_turn("acme", SESSION, "other", 10)
    assert turn is not None
    status, problem, headers = say(world.stable)
    assert (status, problem["type"]) == (409, "urn:agent-hosting:problem:session-busy")
    assert int(headers["retry-after"]) >= 10
    turn.give_back()
    assert say(world.stable)[0] == 200


# In a worker.


def submit(world: World, bundle: Bundle, number: int = 1) -> RunMessage:
    message = RunMessage("answers", f"{number:032x}", "acme", bundle.bundle_id, SESSION)
    world.aws.store().submit(
        run_id=message.run_id, tenant="acme", input={}, bundle_id=bundle.bundle_id, session=SESSION
    )
    world.aws.queue().send(message)
    return message


def work(world: World, bundle: Bundle) -> JobDone:
    """What a worker of `bundle` does with the next message."""
    queue, runner = world.aws.queue(), world.runner(bundle)
    (received,) = queue.receive(1, 0, 30)
    assert runner.turns is not None
    pins = SessionPins(runner.turns.sessions, world.aws.dynamodb, CONTROL, has_queues=True)
    done = world.aws.work_on(received, runner, bundle.bundle_id, session_pins=pins)
    if done.deletes:
        queue.delete([received.receipt_handle])
    return done


def head(store: CheckpointStore, message: RunMessage) -> dict[str, Any]:
    found = store.find_head("acme", message.run_id)
    assert found is not None
    return found


def test_a_run_follows_its_session_to_the_release_that_still_takes_runs(world: World) -> None:
    world.record(deploys="#ecs")
    submit(world, world.candidate)
    work(world, world.candidate)
    message = submit(world, world.stable, 2)
    assert work(world, world.stable).deletes
    found = head(world.aws.store(), message)
    assert found["bundle_id"] == world.candidate.bundle_id
    assert (found["status"], found["epoch"]) == ("QUEUED", 0), "nobody has begun it"
    assert found["due_at"] <= world.aws.clock.now * 1000, "the reaper sends it in its next round"
    assert world.pinned() == world.candidate.bundle_id


@pytest.mark.parametrize("rejects", [True, False])
def test_of_a_release_that_is_gone_or_was_sent_back_the_session_comes_to_the_stable_one(
    world: World, rejects: bool
) -> None:
    world.record(points=500)
    submit(world, world.candidate)
    work(world, world.candidate)
    world.record(rejects=rejects, deploys="#eks" if rejects else "")
    message = submit(world, world.stable, 2)
    assert work(world, world.stable).deletes, "a new message takes the old one's place"
    assert work(world, world.stable).outcome is not None
    assert world.aws.store().get_run("acme", message.run_id).output == {"turns": 2}
    assert world.pinned() == world.stable.bundle_id


@without_version
def test_a_run_whose_session_no_release_can_go_on_with_ends_with_the_reason(world: World) -> None:
    world.record(points=500)
    submit(world, world.candidate)
    work(world, world.candidate)
    world.record(rejects=True)
    message = submit(world, world.stable, 2)
    assert work(world, world.stable).deletes
    found = head(world.aws.store(), message)
    assert found["status"] == RunStatus.DEAD
    assert "takes no runs any more" in found["error"]


def test_while_the_session_is_in_another_turn_the_message_waits_and_its_receives_are_not_counted(
    world: World,
) -> None:
    world.record()
    turn = world.runner(world.stable).begin_turn("acme", SESSION, "other", 10)
    assert turn is not None
    message = submit(world, world.stable)
    assert work(world, world.stable).deletes
    attributes = world.aws.sqs.get_queue_attributes(
        QueueUrl=world.aws.queue().url, AttributeNames=["ApproximateNumberOfMessagesDelayed"]
    )["Attributes"]
    assert attributes["ApproximateNumberOfMessagesDelayed"] == "1", "a new message, counted from one"
    assert head(world.aws.store(), message)["takes"] == 0


def test_a_message_that_names_no_session_finds_it_in_its_run(world: World) -> None:
    world.record()
    message = submit(world, world.stable)
    queue = world.aws.queue()
    (received,) = queue.receive(1, 0, 30)
    queue.delete([received.receipt_handle])
    queue.send(RunMessage("answers", message.run_id, "acme", message.bundle_id))
    assert work(world, world.stable).outcome is not None
    assert world.pinned() == world.stable.bundle_id
