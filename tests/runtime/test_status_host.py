"""The function that tells how runs stand, cancels them and hears decisions."""

import hashlib
import json
from typing import Any

import pytest

from agent_runtime.approvals import Approval, Approvals
from agent_runtime.events import Events
from agent_runtime.records import Lease, RunStatus, Usage
from tests.runtime.doors import STABLE, Door

OTHERS = "other"


@pytest.fixture
def run_id(door: Door) -> str:
    """A run that was accepted; its message is out of the queue."""
    _, body, _ = door.post({"input": {"question": "why?"}})
    door.aws.queue().delete([received.receipt_handle for received in door.aws.queue().receive(10, 0, 60)])
    door.calls()
    return body["run_id"]


def take(door: Door, run_id: str) -> Lease:
    lease = door.store.take_run(run_id=run_id, tenant="acme", bundle_id=STABLE, lease_seconds=60).lease
    assert lease is not None
    return lease


def ask(door: Door, run_id: str) -> str:
    """Let the run wait for an answer; gives the approval's id."""
    lease = take(door, run_id)
    asked = Approval(run_id, (3,), "publish", "the report", door.aws.clock.now + 600)
    assert Approvals(door.store.table, door.aws.clock).ask(lease, asked) == asked
    door.store.leased.suspend(
        lease, RunStatus.WAITING_APPROVAL, due_at=asked.expires_at, error="waits for a person"
    )
    return asked.approval_id


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/runs/{}"),
        ("GET", "/runs/{}/events"),
        ("POST", "/runs/{}/cancel"),
        ("POST", "/approvals/{}.000003"),
    ],
)
def test_a_run_is_there_for_its_own_tenant_alone(door: Door, run_id: str, method: str, path: str) -> None:
    ask(door, run_id)
    before = door.aws.items()
    body = {"decision": "approve"} if "approvals" in path else {}
    status, problem, _ = door.status(method, path.format(run_id), body, tenant=OTHERS)
    assert (status, problem["type"]) == (404, "urn:agent-hosting:problem:not-found")
    unknown = "f" * 32 if run_id != "f" * 32 else "e" * 32
    assert door.status(method, path.format(unknown), body)[0] == 404
    assert door.status(method, path.format("..%2Facme"), body)[0] == 404
    assert door.aws.items() == before
    assert door.status(method, path.format(run_id), body)[0] == 200


def test_a_queued_run_says_so_in_one_read(door: Door, run_id: str) -> None:
    status, body, _ = door.status("GET", f"/runs/{run_id}")
    assert (status, body["status"], body["steps"], body["output"]) == (200, "QUEUED", [], None)
    assert door.calls() == {"get_item": 1}


def test_a_running_run_shows_its_steps_so_far(door: Door, run_id: str) -> None:
    lease = take(door, run_id)
    door.store.steps.save(lease, (1,), "plan", "1")
    door.store.steps.claim(lease, (2,), "each", children=2)
    door.store.steps.save(lease, (2, 2), "each[1]", "2")
    door.store.steps.claim(lease, (2, 1), "each[0]", effect=True)
    _, body, _ = door.status("GET", f"/runs/{run_id}")
    assert body["status"] == "RUNNING"
    assert [step["name"] for step in body["steps"]] == ["plan", "each[1]"]


def test_a_finished_run_shows_its_output_and_usage(door: Door, run_id: str) -> None:
    usage = Usage(10, 2, 0.5, 1)
    door.store.leased.finish(
        take(door, run_id), RunStatus.DONE, output={"a": 1}, steps=("plan",), usage=usage
    )
    door.calls()
    assert door.status("GET", f"/runs/{run_id}")[1] == {
        "run_id": run_id,
        "status": "DONE",
        "bundle_id": STABLE,
        "output": {"a": 1},
        "steps": [{"name": "plan", "replayed": False}],
        "usage": {"input_tokens": 10, "output_tokens": 2, "cost_usd": 0.5},
    }
    assert door.calls() == {"get_item": 1}


def test_a_run_that_waits_says_why(door: Door, run_id: str) -> None:
    ask(door, run_id)
    body = door.status("GET", f"/runs/{run_id}")[1]
    assert (body["status"], body["error"]) == ("WAITING_APPROVAL", "waits for a person")


def test_a_status_is_told_without_fetching_a_large_input(door: Door, run_id: str) -> None:
    _, body, _ = door.post({"input": "x" * 400_000})
    door.calls()
    assert door.status("GET", f"/runs/{body['run_id']}")[0] == 200
    assert door.calls() == {"get_item": 1}


def test_events_come_after_a_cursor(door: Door, run_id: str) -> None:
    events = Events(door.store.table, take(door, run_id), door.aws.clock)
    for n in range(3):
        events.emit("progress", n)
    _, first, _ = door.status("GET", f"/runs/{run_id}/events")
    assert [(event["kind"], event["data"]) for event in first["events"]] == [
        ("progress", n) for n in range(3)
    ]
    assert (first["run_id"], first["status"]) == (run_id, "RUNNING")
    _, none, _ = door.status("GET", f"/runs/{run_id}/events", after=first["after"])
    assert (none["events"], none["after"]) == ([], first["after"])
    events.emit("progress", 3)
    _, more, _ = door.status("GET", f"/runs/{run_id}/events", after=first["after"])
    assert [event["data"] for event in more["events"]] == [3]
    assert more["after"] > first["after"]


def test_events_of_the_next_worker_come_after_those_of_the_one_before(door: Door, run_id: str) -> None:
    Events(door.store.table, take(door, run_id), door.aws.clock).emit("progress", "first")
    _, seen, _ = door.status("GET", f"/runs/{run_id}/events")
    door.aws.clock.now += 61
    Events(door.store.table, take(door, run_id), door.aws.clock).emit("progress", "second")
    _, more, _ = door.status("GET", f"/runs/{run_id}/events", after=seen["after"])
    assert [event["data"] for event in more["events"]] == ["second"]


@pytest.mark.parametrize("cursor", ["x", "000001-00001", "000001-000001#", "../run"])
def test_a_cursor_that_no_event_had_is_a_bad_request(door: Door, run_id: str, cursor: str) -> None:
    assert door.status("GET", f"/runs/{run_id}/events", after=cursor)[0] == 400


@pytest.mark.parametrize("is_taken", [False, True])
def test_a_run_is_cancelled_once_and_stays_so(door: Door, run_id: str, is_taken: bool) -> None:
    if is_taken:
        take(door, run_id)
    for _ in range(2):
        status, body, _ = door.status("POST", f"/runs/{run_id}/cancel")
        assert (status, body) == (200, {"run_id": run_id, "status": "CANCELLED"})
    assert door.store.take_run(run_id=run_id, tenant="acme", bundle_id=STABLE, lease_seconds=60).lease is None


def test_a_run_that_has_ended_is_not_cancelled(door: Door, run_id: str) -> None:
    door.store.leased.finish(take(door, run_id), RunStatus.DONE, output={})
    status, problem, _ = door.status("POST", f"/runs/{run_id}/cancel")
    assert (status, problem["detail"]) == (409, "it is DONE")
    assert door.status("GET", f"/runs/{run_id}")[1]["status"] == "DONE"


def test_a_decision_wakes_its_run_and_is_told_once(door: Door, run_id: str) -> None:
    approval_id = ask(door, run_id)
    for _ in range(2):
        status, body, _ = door.status("POST", f"/approvals/{approval_id}", {"decision": "approve"})
        assert status == 200
        assert body == {"approval_id": approval_id, "decision": "approve", "decided_by": "ann"}
    assert [message["run_id"] for message in door.messages()] == [run_id]
    assert door.status("GET", f"/runs/{run_id}")[1]["status"] == "QUEUED"


def test_a_second_decision_does_not_count(door: Door, run_id: str) -> None:
    approval_id = ask(door, run_id)
    door.status("POST", f"/approvals/{approval_id}", {"decision": "approve"})
    status, problem, _ = door.status("POST", f"/approvals/{approval_id}", {"decision": "deny"})
    assert (status, problem["detail"]) == (409, "ann has decided before: approve")


def test_a_late_decision_does_not_count(door: Door, run_id: str) -> None:
    approval_id = ask(door, run_id)
    door.aws.clock.now += 600
    status, problem, _ = door.status("POST", f"/approvals/{approval_id}", {"decision": "approve"})
    assert (status, problem["detail"]) == (409, "the time for a decision is over")


def test_a_decision_on_a_run_that_has_ended_does_not_count(door: Door, run_id: str) -> None:
    approval_id = ask(door, run_id)
    door.status("POST", f"/runs/{run_id}/cancel")
    status, problem, _ = door.status("POST", f"/approvals/{approval_id}", {"decision": "approve"})
    assert (status, problem["detail"]) == (409, "the run is CANCELLED")


def test_a_decision_on_what_was_not_asked_does_not_count(door: Door, run_id: str) -> None:
    ask(door, run_id)
    assert door.status("POST", f"/approvals/{run_id}.000009", {"decision": "approve"})[0] == 409
    assert door.status("POST", f"/approvals/{run_id}", {"decision": "approve"})[0] == 404


@pytest.mark.parametrize("body", ["{", {}, {"decision": "perhaps"}, {"decision": "approve", "by": "bob"}])
def test_a_decision_that_cannot_be_read_is_a_bad_request(door: Door, run_id: str, body: Any) -> None:
    approval_id = ask(door, run_id)
    assert door.status("POST", f"/approvals/{approval_id}", body)[0] == 400


def test_a_decision_counts_though_the_queue_does_not_answer(door: Door, run_id: str) -> None:
    approval_id = ask(door, run_id)
    door.sqs.before["send_message"] = lambda request: request.update(QueueUrl=f"{door.url}-gone")
    assert door.status("POST", f"/approvals/{approval_id}", {"decision": "approve"})[0] in (200, 503)


def test_an_upload_that_is_not_json_does_not_break_the_status(door: Door) -> None:
    upload = {"sha256": hashlib.sha256(b"{{{").hexdigest(), "bytes": 3}
    key = f"answers/acme/uploads/{upload['sha256']}.json"
    door.aws.s3.put_object(Bucket="checkpoint-blobs", Key=key, Body=b"{{{")
    _, body, _ = door.post({"upload": upload})
    status, told, _ = door.status("GET", f"/runs/{body['run_id']}")
    assert (status, told["status"]) == (200, "QUEUED"), json.dumps(told)
