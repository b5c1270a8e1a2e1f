"""A turn on Lambda stays with the release that began it, until that is sent back."""

from collections.abc import Callable
from typing import Any

import pytest

from agent_runtime.bundle import Bundle
from agent_runtime.errors import ModelUnavailable
from agent_runtime.rollout.record import Record, item_from
from agent_runtime.run import Run
from tests.runtime.lambdas import Api, Event, answer
from tests.runtime.pretended import CONTROL

KEYED = {"body": {"input": {"question": "why?"}}, "headers": {"Idempotency-Key": "k-1"}}


class World:
    """A run that the candidate began and could not end; then the same key reaches the stable release."""

    def __init__(self, aws: Any, model: Any, make_bundle: Callable[..., Bundle], http_event: Event) -> None:
        self.aws, self.event = aws, http_event(**KEYED)
        self.stable = Api(aws, model, make_bundle())
        self.candidate = Api(aws, model, make_bundle(code={"agent.py": "1" * 64}))
        self.model = model

    def begin(self) -> str:
        def stop(run: Run) -> Any:
            run.step("find", lambda: ["a"])
            raise ModelUnavailable("not now")

        self.candidate.agent = stop
        status, body, _ = self.candidate(self.event)
        assert status == 503
        self.candidate.agent = answer
        return body["run_id"]

    def record(self, record: Record, **versions: str) -> None:
        self.aws.dynamodb.put_item(TableName=CONTROL, Item=item_from("answers", record))
        for bundle_id in (self.stable.bundle.bundle_id, self.candidate.bundle.bundle_id):
            item = {"agent": {"S": "answers"}, "item": {"S": f"release#{bundle_id}"}}
            texts = {name: {"S": text} for name, text in versions.items()}
            self.aws.dynamodb.put_item(TableName=CONTROL, Item=item | texts)

    def canary(self) -> None:
        self.record(Record(self.stable.bundle.bundle_id, self.candidate.bundle.bundle_id, 500))

    def sent_back(self, **versions: str) -> None:
        rejected = {self.candidate.bundle.bundle_id: 1}
        self.record(Record(self.stable.bundle.bundle_id, rejected=rejected), **versions)


@pytest.fixture
def world(aws: Any, model: Any, make_bundle: Callable[..., Bundle], http_event: Event) -> World:
    return World(aws, model, make_bundle, http_event)


def test_while_its_release_has_calls_it_waits_for_one_that_reaches_it(world: World) -> None:
    world.begin()
    world.canary()
    status, problem, headers = world.stable(world.event)
    assert (status, problem["type"].rsplit(":", 1)[1]) == (409, "bundle-mismatch")
    assert f"until a call reaches {world.candidate.bundle.bundle_id}" in problem["detail"]
    assert headers["retry-after"] == "1"
    status, run, _ = world.candidate(world.event)
    assert (status, run["bundle_id"]) == (200, world.candidate.bundle.bundle_id)


def test_after_a_rollback_it_goes_on_where_both_declare_the_same_checkpoints(world: World) -> None:
    world.begin()
    world.sent_back(checkpoint_version="1")
    status, run, _ = world.stable(world.event)
    assert (status, run["bundle_id"]) == (200, world.stable.bundle.bundle_id)
    assert run["steps"][0] == {"name": "find", "replayed": True}


def test_after_a_rollback_it_ends_with_a_reason_where_they_do_not(world: World, http_event: Event) -> None:
    run_id = world.begin()
    world.sent_back()
    status, run, _ = world.stable(world.event)
    assert (status, run["status"]) == (200, "DEAD")
    _, told, _ = world.stable(http_event("GET", f"/runs/{run_id}"))
    candidate = world.candidate.bundle.bundle_id
    assert told["error"] == f"its release {candidate} takes no runs any more, and its steps fit no other"


def test_one_that_a_worker_has_in_hand_is_not_taken_from_it(world: World) -> None:
    store = world.aws.store()
    opened = store.open_run(
        run_id=world.begin(),
        tenant="acme",
        input={"question": "why?"},
        bundle_id=world.candidate.bundle.bundle_id,
        lease_seconds=60,
    )
    world.sent_back(checkpoint_version="1")
    assert world.stable(world.event)[0] == 409
    store.leased.extend_lease(opened.lease, 60)  # it is still its own


def test_after_a_promotion_no_call_reaches_the_release_before_and_its_runs_move(world: World) -> None:
    world.begin()
    world.record(Record(world.stable.bundle.bundle_id), checkpoint_version="1")
    assert world.stable(world.event)[0] == 200


def test_where_the_program_divides_the_calls_nothing_is_ended(world: World) -> None:
    run_id = world.begin()
    assert world.stable(world.event)[0] == 409
    head = world.aws.store().find_head("acme", run_id)
    assert head["status"] == "PARKED"
