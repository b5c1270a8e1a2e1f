"""The function that accepts runs for a queue."""

import base64
import hashlib
import json
from typing import Any

import pytest

from agent_runtime.brake import engage
from agent_runtime.hosts.requests import MAX_REQUEST_BYTES
from agent_runtime.ids import is_run_id
from agent_runtime.reaper import Reaper
from agent_runtime.records import RunStatus
from tests.runtime.doors import CANDIDATE, STABLE, Door

QUESTION = {"input": {"question": "why?"}}
UPLOAD_TEXT = json.dumps({"question": "x" * 100})
UPLOAD = {"sha256": hashlib.sha256(UPLOAD_TEXT.encode()).hexdigest(), "bytes": len(UPLOAD_TEXT)}


def test_a_run_is_accepted_and_sent_to_its_release(door: Door) -> None:
    status, body, _ = door.post(QUESTION | {"session": "s-1"})
    run_id = body["run_id"]
    assert status == 202
    assert body == {
        "run_id": run_id,
        "status": "QUEUED",
        "bundle_id": STABLE,
        "location": f"/runs/{run_id}",
    }
    assert is_run_id(run_id)
    assert door.messages() == [
        {
            "schema_version": 1,
            "agent": "answers",
            "run_id": run_id,
            "tenant": "acme",
            "bundle_id": STABLE,
            "session": "s-1",
        }
    ]
    record = door.store.get_run("acme", run_id)
    assert record is not None
    assert (record.status, record.session) == (RunStatus.QUEUED, "s-1")


def test_a_run_costs_one_call_to_dynamodb_and_one_to_sqs(door: Door) -> None:
    door.post(QUESTION)
    assert door.calls() == {"batch_get_item": 1, "put_item": 1, "send_message": 1}
    for _ in range(3):
        door.post(QUESTION, key="k-1")
    assert door.calls() == {"put_item": 3, "send_message": 1}  # two of the three were duplicates


def test_the_control_record_is_read_again_after_five_seconds(door: Door) -> None:
    door.post(QUESTION)
    door.aws.clock.now += 4.9
    door.post(QUESTION)
    assert door.calls()["batch_get_item"] == 1
    door.aws.clock.now += 0.2
    door.post(QUESTION)
    assert door.calls()["batch_get_item"] == 1


def test_the_same_key_is_the_same_run_and_is_sent_once(door: Door) -> None:
    first, second = (door.post(QUESTION, key="k-1") for _ in range(2))
    assert first[:2] == second[:2]
    assert len(door.messages()) == 1


def test_a_duplicate_of_a_finished_run_says_so_and_names_its_release(door: Door) -> None:
    _, body, _ = door.post(QUESTION, key="k-1")
    opened = door.store.take_run(run_id=body["run_id"], tenant="acme", bundle_id=STABLE, lease_seconds=60)
    assert opened.lease is not None
    door.store.leased.finish(opened.lease, RunStatus.DONE, output={"a": 1})
    door.set_traffic(stable={"S": CANDIDATE})
    door.aws.clock.now += 6
    status, again, _ = door.post(QUESTION, key="k-1")
    assert (status, again["status"], again["bundle_id"]) == (200, "DONE", STABLE)


def test_the_same_key_with_another_body_is_a_conflict(door: Door) -> None:
    door.post(QUESTION, key="k-1")
    status, problem, headers = door.post({"input": {"question": "what?"}}, key="k-1")
    assert (status, problem["type"]) == (409, "urn:agent-hosting:problem:idempotency-mismatch")
    assert headers["content-type"] == "application/problem+json"
    assert len(door.messages()) == 1


def test_the_same_key_of_another_tenant_is_another_run(door: Door) -> None:
    _, mine, _ = door.post(QUESTION, key="k-1")
    status, theirs, _ = door.post({"input": 2}, key="k-1", tenant="other")
    assert (status, theirs["status"]) == (202, "QUEUED")
    assert mine["run_id"] != theirs["run_id"]


def test_a_braked_agent_accepts_nothing(door: Door) -> None:
    at = "2027-01-15T08:00:00.000Z"
    engage(door.aws.dynamodb, "control", "answers", reason="spent", engaged_by="a test", engaged_at=at)
    status, problem, _ = door.post(QUESTION)
    assert (status, problem["reason"]) == (429, "spent")
    assert door.aws.items() == []
    assert door.messages() == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"schema_version": {"N": "2"}}, "another version"),
        ({"stable": {"S": "cccccccccccc"}}, "names cccccccccccc, which has no queue here"),
        ({"candidate": {"S": STABLE}, "candidate_basis_points": {"N": "10001"}}, "basis points"),
    ],
)
def test_a_traffic_record_that_cannot_be_used_sends_nothing_by_guess(
    door: Door, changes: dict[str, Any], said: str
) -> None:
    door.set_traffic(**changes)
    status, problem, headers = door.post(QUESTION)
    assert (status, headers["retry-after"]) == (503, "1")
    assert said in problem["detail"]
    assert door.aws.items() == []


def test_a_missing_traffic_record_sends_nothing_by_guess(door: Door) -> None:
    key = {"agent": {"S": "answers"}, "item": {"S": "traffic"}}
    door.aws.dynamodb.delete_item(TableName="control", Key=key)
    status, problem, _ = door.post(QUESTION)
    assert (status, problem["detail"]) == (503, "the control table has no traffic record")


def test_sessions_go_to_the_candidate_by_its_share_and_stay_there(door: Door) -> None:
    door.set_traffic(candidate={"S": CANDIDATE}, candidate_basis_points={"N": "5000"})
    by_session = {
        f"s-{n}": {door.post(QUESTION | {"session": f"s-{n}"})[1]["bundle_id"] for _ in range(2)}
        for n in range(20)
    }
    assert all(len(bundles) == 1 for bundles in by_session.values())
    assert set().union(*by_session.values()) == {STABLE, CANDIDATE}


def test_a_run_that_could_not_be_sent_is_left_to_the_reaper(door: Door) -> None:
    door.sqs.before["send_message"] = lambda request: request.update(QueueUrl=f"{door.url}-gone")
    status, problem, headers = door.post(QUESTION, key="k-1")
    assert (status, headers["retry-after"]) == (503, "5")
    record = door.store.get_run("acme", problem["run_id"])
    assert record is not None
    assert record.status == RunStatus.QUEUED
    del door.sqs.before["send_message"]
    assert door.post(QUESTION, key="k-1")[:2] == (202, _accepted(problem["run_id"]))
    assert door.messages() == []
    door.aws.clock.now += 121
    send = door.aws.queue().send
    reaper = Reaper(door.store, send, bundles=frozenset({STABLE}), max_receives=5, measure=_unmeasured)
    assert reaper.run() == {"due": 1, "sent": 1, "dead": 0}
    assert [message["run_id"] for message in door.messages()] == [problem["run_id"]]


def test_a_table_that_refuses_is_a_clear_answer_and_nothing_is_sent(door: Door) -> None:
    door.dynamodb.before["put_item"] = lambda request: request.update(TableName="elsewhere")
    status, problem, _ = door.post(QUESTION)
    assert (status, problem["type"]) == (503, "urn:agent-hosting:problem:checkpoints-unavailable")
    assert door.messages() == []


@pytest.mark.parametrize("limit", [0, 1])
def test_a_body_over_the_limit_is_told_the_way_round(door: Door, limit: int) -> None:
    text = json.dumps({"input": "x" * (MAX_REQUEST_BYTES - len('{"input": ""}') + limit)})
    status, problem, _ = door.post(text)
    assert status == (413 if limit else 202)
    assert limit == 0 or "`POST /uploads`" in problem["detail"]


@pytest.mark.parametrize(
    "body",
    [None, "{", "[]", {}, {"input": None}, {**QUESTION, "tenant": "other"}, {**QUESTION, "session": 3}],
)
def test_a_body_that_cannot_be_used_is_a_bad_request(door: Door, body: Any) -> None:
    assert door.post(body)[0] == 400
    assert door.calls() == {}


def test_a_number_that_json_does_not_know_is_a_bad_request(door: Door) -> None:
    status, problem, _ = door.post('{"input": NaN}')
    assert (status, problem["type"]) == (400, "urn:agent-hosting:problem:bad-request")


def test_an_upload_link_takes_the_announced_bytes_alone(door: Door) -> None:
    status, body, _ = door.post(UPLOAD, path="/uploads")
    assert (status, body["upload"], body["expires_in"]) == (201, UPLOAD, 600)
    assert body["url"].startswith("https://checkpoint-blobs.")
    policy = json.loads(base64.b64decode(body["fields"]["policy"]))
    checksum = base64.b64encode(bytes.fromhex(UPLOAD["sha256"])).decode()
    key = f"answers/acme/uploads/{UPLOAD['sha256']}.json"
    assert body["fields"]["key"] == key
    assert body["fields"]["x-amz-checksum-sha256"] == checksum
    for condition in (
        {"bucket": "checkpoint-blobs"},
        {"key": key},
        {"x-amz-checksum-algorithm": "SHA256"},
        {"x-amz-checksum-sha256": checksum},
        ["content-length-range", UPLOAD["bytes"], UPLOAD["bytes"]],
    ):
        assert condition in policy["conditions"]
    assert door.aws.items() == []


def test_an_uploaded_input_is_the_runs_input(door: Door) -> None:
    _, body, _ = door.post(UPLOAD, path="/uploads")
    door.aws.s3.put_object(Bucket="checkpoint-blobs", Key=body["fields"]["key"], Body=UPLOAD_TEXT.encode())
    status, accepted, _ = door.post({"upload": UPLOAD}, key="k-1")
    assert status == 202
    assert door.post({"upload": UPLOAD}, key="k-1")[1] == accepted
    opened = door.store.take_run(run_id=accepted["run_id"], tenant="acme", bundle_id=STABLE, lease_seconds=60)
    assert opened.record.input == json.loads(UPLOAD_TEXT)
    assert door.post({"upload": {**UPLOAD, "sha256": "0" * 64}}, key="k-1")[0] == 409


def test_an_input_that_was_not_uploaded_by_this_tenant_is_not_there(door: Door) -> None:
    _, body, _ = door.post(UPLOAD, path="/uploads", tenant="other")
    door.aws.s3.put_object(Bucket="checkpoint-blobs", Key=body["fields"]["key"], Body=UPLOAD_TEXT.encode())
    status, problem, _ = door.post({"upload": UPLOAD})
    assert (status, problem["type"]) == (409, "urn:agent-hosting:problem:not-uploaded")
    assert door.aws.items() == []


@pytest.mark.parametrize(
    "upload",
    [
        {},
        "text",
        {**UPLOAD, "sha256": "A" * 64},
        {**UPLOAD, "sha256": "0" * 63},
        {**UPLOAD, "sha256": "../../other/uploads/" + "0" * 44},
        {**UPLOAD, "bytes": 0},
        {**UPLOAD, "bytes": True},
        {**UPLOAD, "bytes": 1.5},
        {**UPLOAD, "bytes": 100 * 1024 * 1024 + 1},
    ],
)
def test_an_upload_that_says_too_little_or_too_much_is_a_bad_request(door: Door, upload: Any) -> None:
    assert door.post({"upload": upload})[0] == 400
    assert door.post(upload, path="/uploads")[0] == 400
    assert door.calls() == {}


def test_an_input_that_is_given_twice_is_a_bad_request(door: Door) -> None:
    status, problem, _ = door.post({**QUESTION, "upload": UPLOAD})
    assert (status, problem["title"]) == (400, "The input is given twice")


def _accepted(run_id: str) -> dict[str, Any]:
    return {"run_id": run_id, "status": "QUEUED", "bundle_id": STABLE, "location": f"/runs/{run_id}"}


def _unmeasured(head: dict[str, Any]) -> None:
    raise AssertionError(f"no worker of {head['run_id']} died")


def test_a_session_goes_to_the_release_it_is_pinned_to_while_the_weights_move(door: Door) -> None:
    door.has_memory()
    sessions = door.sessions(CANDIDATE)
    sessions.release(sessions.take("acme", "s-1", run_id="r", seconds=10))
    assert door.post(QUESTION | {"session": "s-1"})[1]["bundle_id"] == CANDIDATE
    assert door.post(QUESTION | {"session": "new"})[1]["bundle_id"] == STABLE
    assert door.post(QUESTION | {"session": "s-1"}, tenant="globex")[1]["bundle_id"] == STABLE


def test_a_session_of_a_release_that_was_sent_back_or_is_gone_goes_by_the_traffic_record(door: Door) -> None:
    door.has_memory()
    for session, bundle_id in (("s-1", CANDIDATE), ("s-2", "cccccccccccc")):
        sessions = door.sessions(bundle_id)
        sessions.release(sessions.take("acme", session, run_id="r", seconds=10))
    door.set_traffic(rejected={"M": {CANDIDATE: {"N": "1"}}})
    for session in ("s-1", "s-2"):
        assert door.post(QUESTION | {"session": session})[1]["bundle_id"] == STABLE


def test_only_agents_with_memory_pay_for_a_look_at_the_session(door: Door) -> None:
    door.post(QUESTION | {"session": "s-1"})
    assert door.dynamodb.calls["get_item"] == 0
    door.has_memory()
    door.post(QUESTION | {"session": "s-1"})
    assert door.dynamodb.calls["get_item"] == 1
    door.post(QUESTION)
    assert door.dynamodb.calls["get_item"] == 1
