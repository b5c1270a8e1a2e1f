"""Sessions over several server processes: one of them serves a session at a time, and its release stays."""

from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPException
from typing import Any

import pytest

from tests.faults.invariants import assert_invariants
from tests.faults.pods import Answered, Pod, Pods, Release, free_port
from tests.faults.world import AGENT, TENANT, World


def in_background(call: Any) -> Any:
    pool = ThreadPoolExecutor(1)
    answer = pool.submit(call)
    pool.shutdown(wait=False)
    return answer


def say(pod: Pod, word: str, **more: Any) -> Answered:
    return pod.post([["say", word]], session="s-1", **more)


def said(answer: Answered) -> list[str]:
    assert answer[0] == 200, answer
    return answer[1]["output"]["results"][-1]


@pytest.fixture
def release(pods: Pods) -> Release:
    return pods.release()


def runs_of(world: World) -> list[dict[str, Any]]:
    return [item for item in world.items() if item["sk"]["S"] == "run"]


def test_a_session_goes_on_in_any_pod_between_its_turns(pods: Pods, release: Release) -> None:
    one, other = (pods.start(**release.environment) for _ in range(2))
    assert said(say(one, "a")) == ["a"]
    assert said(say(other, "b")) == ["a", "b"]
    one.kill()
    assert said(say(other, "c")) == ["a", "b", "c"]
    assert_invariants(pods.world, accepted=3)


def test_a_second_turn_is_handed_to_the_pod_that_is_in_one_and_refused_there(
    pods: Pods, release: Release
) -> None:
    one, other = (pods.start(**release.environment) for _ in range(2))
    first = in_background(lambda: one.post([["wait", "go"], ["say", "a"]], session="s-1", key="k-1"))
    pods.world.wait_for_file("go.begun")
    status, problem, headers = say(other, "b")
    assert (status, problem["type"]) == (409, "urn:agent-hosting:problem:session-busy")
    assert int(headers["retry-after"]) >= 1
    assert len(runs_of(pods.world)) == 1, "what is refused is not accepted"
    # The run itself may be asked for again, of any pod: it is joined where it is.
    again = in_background(lambda: other.post([["wait", "go"], ["say", "a"]], session="s-1", key="k-1"))
    pods.world.allow("go")
    assert said(first.result(20)) == said(again.result(20)) == ["a"]
    assert said(say(other, "b")) == ["a", "b"]
    assert_invariants(pods.world, accepted=2)


def test_a_forwarded_call_is_not_forwarded_again(pods: Pods, release: Release) -> None:
    one, other = (pods.start(**release.environment) for _ in range(2))
    first = in_background(lambda: one.post([["wait", "go"]], session="s-1"))
    pods.world.wait_for_file("go.begun")
    status, problem, headers = say(other, "b", agent_hosting_forwarded="1")
    assert (status, problem["type"]) == (409, "urn:agent-hosting:problem:session-elsewhere")
    assert headers["retry-after"] == "1"
    pods.world.allow("go")
    assert first.result(20)[0] == 200


def test_two_pods_whose_address_leads_to_each_other_end_the_call(pods: Pods, release: Release) -> None:
    ports = [free_port(), free_port()]
    one, other = (
        pods.start(port=mine, AGENT_ADDRESS=f"http://127.0.0.1:{theirs}", **release.environment)
        for mine, theirs in (ports, ports[::-1])
    )
    first = in_background(lambda: one.post([["wait", "go"]], session="s-1"))
    pods.world.wait_for_file("go.begun")
    assert say(other, "b")[0] == 409
    pods.world.allow("go")
    assert first.result(20)[0] == 200


def test_a_session_whose_pod_is_killed_in_a_turn_goes_on_in_another_once_its_lease_is_over(
    pods: Pods, release: Release
) -> None:
    doomed, pod = (pods.start(**release.environment) for _ in range(2))
    assert said(say(doomed, "a")) == ["a"]
    answer = in_background(lambda: doomed.post([["wait", "never"]], session="s-1", key="k-1"))
    pods.world.wait_for_file("never.begun")
    doomed.kill()
    with pytest.raises((OSError, HTTPException)):
        answer.result(20)
    status, body, _ = say(pod, "b")
    # Accepted; its turn comes when the lease is over, which it may be by the time of the answer.
    assert (status, body["status"]) in ((202, "QUEUED"), (202, "RUNNING"), (200, "DONE"))
    pods.world.wait_for_status([body["run_id"]], "DONE")
    assert pods.world.record(body["run_id"]).output == {"results": [["a", "b"]]}


@pytest.fixture
def releases(pods: Pods) -> tuple[Release, Release]:
    return pods.release(), pods.release(max_steps=400)


def test_a_turn_of_a_session_of_another_release_is_handed_to_that_release(
    pods: Pods, releases: tuple[Release, Release]
) -> None:
    old, new = releases
    serving = pods.start(**old.environment)
    pods.names.urls[old.bundle_id] = serving.url
    assert said(say(serving, "a")) == ["a"]
    fresh = pods.start(**new.environment)
    status, body, _ = say(fresh, "b", idempotency_key="k-1")
    assert (status, body["bundle_id"]) == (200, old.bundle_id)
    assert body["output"] == {"results": [["a", "b"]]}
    assert say(fresh, "b", idempotency_key="k-1")[1] == body | {"steps": []}, "the key went with it"
    status, body, _ = fresh.post([["say", "x"]], session="s-2")
    assert (status, body["bundle_id"]) == (200, new.bundle_id), "new sessions are its own"


def test_problems_of_the_other_release_are_passed_on(pods: Pods, releases: tuple[Release, Release]) -> None:
    old, new = releases
    serving = pods.start(**old.environment)
    pods.names.urls[old.bundle_id] = serving.url
    assert said(say(serving, "a", key="k-1")) == ["a"]
    fresh = pods.start(**new.environment)
    status, problem, headers = say(fresh, "b", key="k-1")
    assert (status, problem["type"]) == (409, "urn:agent-hosting:problem:idempotency-mismatch")
    assert (problem["title"], problem["instance"]) == (
        "The idempotency key belongs to another input",
        "/runs",
    )
    assert headers["content-type"] == "application/problem+json"


def test_the_caller_of_a_forwarded_turn_is_who_called_first(
    pods: Pods, releases: tuple[Release, Release]
) -> None:
    old, new = releases
    serving = pods.start(**old.environment)
    pods.names.urls[old.bundle_id] = serving.url
    theirs = pods.token("globex")
    assert said(say(serving, "a", token=theirs)) == ["a"]
    fresh = pods.start(**new.environment)
    status, body, _ = say(fresh, "b", token=theirs)
    assert (status, body["bundle_id"]) == (200, old.bundle_id)
    assert fresh.call("GET", f"/runs/{body['run_id']}", token=theirs)[0] == 200
    assert fresh.call("GET", f"/runs/{body['run_id']}")[0] == 404
    status, body, _ = say(fresh, "mine")
    assert (status, body["bundle_id"]) == (200, new.bundle_id), "a session of that name of another tenant"


def note(pods: Pods, name: str, **values: Any) -> None:
    """Write an item of the control table."""
    item = {"agent": {"S": AGENT}, "item": {"S": name}, **values}
    pods.world.dynamodb.put_item(TableName=f"control-{pods.world.name}", Item=item)


def test_a_turn_for_a_release_that_sleeps_is_accepted_and_follows_its_session(
    pods: Pods, releases: tuple[Release, Release]
) -> None:
    old, new = releases
    serving = pods.start(**old.environment)
    assert said(say(serving, "a")) == ["a"]
    serving.stop()
    assert serving.process.wait(15) == 0
    note(pods, "traffic", schema_version={"N": "1"}, stable={"S": new.bundle_id})
    note(pods, f"release#{old.bundle_id}#eks")
    fresh = pods.start(**new.environment)
    status, body, _ = say(fresh, "b")
    assert (status, body["status"]) == (202, "QUEUED")
    head = pods.world.store().find_head(TENANT, body["run_id"])
    assert head is not None
    assert head["bundle_id"] == old.bundle_id
    assert head["due_at"] <= pods.world.store().now() * 1000, "the reaper sends it there in its next round"


def test_a_release_that_was_sent_back_hands_new_turns_to_the_one_that_serves(
    pods: Pods, releases: tuple[Release, Release]
) -> None:
    stable, rejected = releases
    sent_back = {rejected.bundle_id: {"S": "errors"}}
    note(
        pods,
        "traffic",
        schema_version={"N": "1"},
        stable={"S": stable.bundle_id},
        rejected={"M": sent_back},
    )
    leaving = pods.start(**rejected.environment)
    status, body, _ = leaving.post([["step", 1]])
    assert (status, body["bundle_id"]) == (202, stable.bundle_id), "nobody is there: accepted for it"
    staying = pods.start(**stable.environment)
    pods.names.urls[stable.bundle_id] = staying.url
    status, body, _ = leaving.post([["step", 1]])
    assert (status, body["bundle_id"]) == (200, stable.bundle_id)
