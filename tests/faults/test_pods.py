"""Server processes: what their callers get, and what becomes of turns when a pod dies or is stopped."""

import threading
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPException
from typing import Any

import pytest

from agent_runtime.brake import engage
from agent_runtime.ids import is_run_id
from tests.faults.invariants import assert_invariants, effects
from tests.faults.model_server import ANSWER
from tests.faults.pods import Answered, Pods
from tests.faults.world import AGENT, TENANT, World


def in_background(call: Any) -> Any:
    """A call on a thread of its own: gives what waits for its answer."""
    pool = ThreadPoolExecutor(1)
    answer = pool.submit(call)
    pool.shutdown(wait=False)
    return answer


def test_a_turn_is_answered_with_its_result_and_can_be_read_again(pods: Pods) -> None:
    pod = pods.start()
    status, body, headers = pod.post([["step", 1], ["effect", None]])
    assert (status, body["status"], body["output"]) == (200, "DONE", {"results": [1, "done"]})
    assert is_run_id(body["run_id"])
    assert body["steps"] == [{"name": "step-1", "replayed": False}, {"name": "effect-2", "replayed": False}]
    assert headers["content-type"] == "application/json"
    again = pod.call("GET", f"/runs/{body['run_id']}")
    assert again[:2] == (200, body)
    assert_invariants(pods.world, accepted=1)


def test_the_same_key_is_the_same_run_done_once(pods: Pods) -> None:
    pod = pods.start()
    first = pod.post([["keyless", None]], key="k-1")
    second = pod.post([["keyless", None]], key="k-1")
    assert (first[0], second[0]) == (200, 200)
    assert first[1] == second[1]
    assert effects(pods.world).total() == 1
    status, problem, _ = pod.post([["step", 2]], key="k-1")
    assert (status, problem["type"]) == (409, "urn:agent-hosting:problem:idempotency-mismatch")
    other = pod.call(
        "POST", "/runs", {"input": {"do": []}}, token=pods.token("globex"), idempotency_key="k-1"
    )
    assert other[0] == 200
    assert other[1]["run_id"] != first[1]["run_id"]


def test_a_caller_who_asks_twice_at_the_same_time_joins_the_turn_that_is_under_way(pods: Pods) -> None:
    pod = pods.start()
    do = [["wait", "go"], ["keyless", None]]
    first = in_background(lambda: pod.post(do, key="k-1"))
    pods.world.wait_for_file("go.begun")
    second = in_background(lambda: pod.post(do, key="k-1"))
    pods.world.allow("go")
    assert first.result(20)[:2] == second.result(20)[:2]
    assert first.result()[0] == 200
    assert effects(pods.world).total() == 1
    assert_invariants(pods.world, accepted=1)


def test_a_turn_that_takes_too_long_goes_on_in_its_pod_and_is_told_later(pods: Pods) -> None:
    pod = pods.start(AGENT_TURN_TIMEOUT_SECONDS="0.5")
    status, body, _ = pod.post([["wait", "go"]], key="k-1")
    run_id = body["run_id"]
    assert (status, body["location"]) == (202, f"/runs/{run_id}")
    pods.world.wait_for_file("go.begun")
    # Longer than the lease, which is two seconds here: somebody has to extend it.
    lease = pods.world.store().find_head(TENANT, run_id)["lease_expires_at"]
    pods.world.wait(
        "an extension",
        lambda: pods.world.store().find_head(TENANT, run_id)["lease_expires_at"] > lease + 1500,
    )
    assert pod.post([["wait", "go"]], key="k-1")[:2] == (202, body | {"status": "RUNNING"})
    pods.world.allow("go")
    pods.world.wait_for_status([run_id], "DONE")
    assert pod.post([["wait", "go"]], key="k-1")[1]["output"] == {"results": ["go"]}
    assert pods.world.fence_of(run_id) == 1, "nobody else took it"
    assert_invariants(pods.world, accepted=1)


def test_a_run_that_asks_a_person_is_answered_at_once_and_goes_on_after_the_decision(pods: Pods) -> None:
    pod = pods.start()
    status, body, _ = pod.post([["step", 1], ["approve", "publish?"], ["step", 3]])
    run_id = body["run_id"]
    assert (status, body["status"], body["location"]) == (202, "WAITING_APPROVAL", f"/runs/{run_id}")
    status, answer, _ = pod.call("POST", f"/approvals/{run_id}.000002", {"decision": "approve"})
    assert (status, answer["decided_by"]) == (200, "ann")
    pods.world.wait_for_status([run_id], "DONE")
    assert pods.world.record(run_id).output == {"results": [1, True, 3]}
    assert_invariants(pods.world, accepted=1)


def test_a_run_that_sleeps_is_answered_at_once_and_wakes_through_the_queue(pods: Pods) -> None:
    pod = pods.start()
    status, body, _ = pod.post([["sleep", 1], ["step", 2]])
    assert (status, body["status"]) == (202, "SLEEPING")
    pods.world.wait_for_status([body["run_id"]], "DONE")
    assert_invariants(pods.world, accepted=1)


def test_a_run_that_fails_in_passing_is_tried_again_by_the_queue(pods: Pods) -> None:
    pod = pods.start()
    status, body, _ = pod.post([["step", 1], ["fail_until", "well"]])
    # The queue may have given it to a pod again before its caller is answered.
    assert status == 202
    assert body["status"] in ("QUEUED", "RUNNING")
    pods.world.allow("well")
    pods.world.wait_for_status([body["run_id"]], "DONE")
    assert_invariants(pods.world, accepted=1)


def test_a_run_that_cannot_succeed_is_an_error_to_its_caller(pods: Pods) -> None:
    pod = pods.start(AGENT_MAX_RECEIVES="1")
    status, problem, headers = pod.post([["fail", "value"]], key="k-1")
    assert (status, problem["type"]) == (500, "urn:agent-hosting:problem:agent-error")
    assert headers["content-type"] == "application/problem+json"
    pods.world.wait_for_status([problem["run_id"]], "DEAD")
    assert pods.world.depth(pods.world.dead_letter_url) == 1
    status, again, _ = pod.post([["fail", "value"]], key="k-1")
    assert (status, again["status"]) == (200, "DEAD")


def test_a_pod_works_off_its_queue_beside_its_callers(pods: Pods) -> None:
    pod = pods.start()
    queued = pods.world.submit([["step", 1]])
    assert pod.post([["step", 1]])[0] == 200
    pods.world.wait_for_status([queued], "DONE")
    assert_invariants(pods.world, accepted=2)


def test_a_full_pod_refuses_at_once_writes_nothing_and_still_answers_questions(pods: Pods) -> None:
    pod = pods.start(AGENT_TURN_CONCURRENCY="2")
    held = [in_background(lambda n=n: pod.post([["wait", f"go-{n}"]])) for n in range(2)]
    for n in range(2):
        pods.world.wait_for_file(f"go-{n}.begun")
    status, problem, headers = pod.post([["step", 1]])
    assert (status, problem["type"], headers["retry-after"]) == (503, "urn:agent-hosting:problem:full", "2")
    assert pod.call("GET", "/runs/" + "0" * 32)[0] == 404
    for n in range(2):
        pods.world.allow(f"go-{n}")
    assert [answer.result(20)[0] for answer in held] == [200, 200]
    assert_invariants(pods.world, accepted=2)


def test_turns_that_go_on_after_their_answer_still_take_their_place(pods: Pods) -> None:
    pod = pods.start(AGENT_TURN_CONCURRENCY="1", AGENT_TURN_TIMEOUT_SECONDS="0.3")
    assert pod.post([["wait", "go"]])[0] == 202
    assert pod.post([["step", 1]])[0] == 503
    pods.world.allow("go")
    pods.world.wait("a free place", lambda: pod.post([["step", 1]])[0] == 200)


def test_a_braked_agent_begins_no_turn(pods: Pods) -> None:
    at = "2027-01-15T08:00:00.000Z"
    control = f"control-{pods.world.name}"
    engage(pods.world.dynamodb, control, AGENT, reason="spent", engaged_by="a test", engaged_at=at)
    pod = pods.start()
    status, problem, _ = pod.post([["step", 1]])
    assert (status, problem["reason"]) == (429, "spent")
    assert pods.world.items() == []


@pytest.mark.parametrize("n", range(1, 4))
def test_a_turn_whose_pod_is_killed_goes_on_in_another_and_does_no_step_twice(pods: Pods, n: int) -> None:
    doomed = pods.start({"kill": {"point": "after checkpoint", "n": n}})
    do = [["step", 1], ["effect", None], ["model", None], ["effect", None], ["step", 5]]
    with pytest.raises((OSError, HTTPException)):
        doomed.post(do, key="k-1")
    pods.world.wait("the kill", lambda: doomed.process.poll() is not None)
    (head,) = [item for item in pods.world.items() if item["sk"]["S"] == "run"]
    run_id = head["run_id"]["S"]
    pod = pods.start()
    assert pods.world.reap(seconds_later=70) == {"due": 1, "sent": 1, "dead": 0}
    pods.world.wait_for_status([run_id], "DONE")
    assert pod.post(do, key="k-1")[1]["output"] == {"results": [1, "done", ANSWER, "done", 5]}
    notes = [note for note in pods.world.notes() if note.startswith(run_id)]
    assert len(notes) == len(set(notes)) == 2, "a step was done twice"
    assert len(list(pods.world.outside.glob("effect-*"))) == 2
    assert_invariants(pods.world, accepted=1)


def test_a_caller_who_asks_again_after_a_kill_need_not_wait_for_the_reaper(pods: Pods) -> None:
    doomed = pods.start({"kill": {"point": "after checkpoint", "n": 1}})
    with pytest.raises((OSError, HTTPException)):
        doomed.post([["step", 1], ["step", 2]], key="k-1")
    pod = pods.start()
    answers: list[Answered] = []

    def done() -> bool:
        answers.append(pod.post([["step", 1], ["step", 2]], key="k-1"))
        return answers[-1][0] == 200

    pods.world.wait("the lease to run out", done)
    assert answers[-1][1]["steps"][0] == {"name": "step-1", "replayed": True}
    assert_invariants(pods.world, accepted=1)


def test_a_pod_that_is_stopped_hands_its_turns_over_at_their_next_step(pods: Pods) -> None:
    leaving = pods.start(AGENT_STOP_SECONDS="60")  # until the other one is there, on any machine
    answer = in_background(lambda: leaving.post([["wait", "go"], ["keyless", None]], key="k-1"))
    pods.world.wait_for_file("go.begun")
    leaving.stop()
    pods.world.wait("unreadiness", lambda: leaving.call("GET", "/readyz", token="")[0] == 503)
    assert leaving.call("GET", "/healthz", token="")[0] == 200
    status, problem, headers = leaving.post([["step", 1]])
    assert (status, problem["type"]) == (503, "urn:agent-hosting:problem:stopping")
    assert (headers["retry-after"], headers["connection"]) == ("1", "close")
    staying = pods.start()
    pods.world.allow("go")
    status, body, _ = answer.result(20)
    assert status == 202
    assert body["status"] in ("QUEUED", "RUNNING"), "the other pod may have it already"
    assert leaving.process.wait(15) == 0
    pods.world.wait_for_status([body["run_id"]], "DONE")
    assert staying.call("GET", body["location"])[1]["output"] == {"results": ["go", "done"]}
    assert effects(pods.world).total() == 1
    assert_invariants(pods.world, accepted=1)


def test_a_stopped_pod_ends_in_time_and_sends_its_callers_away_though_a_step_does_not_end(pods: Pods) -> None:
    leaving = pods.start(AGENT_STOP_SECONDS="12")
    answer = in_background(lambda: leaving.post([["wait", "never"], ["step", 2]]))
    pods.world.wait_for_file("never.begun")
    leaving.stop()
    status, body, _ = answer.result(20)
    assert (status, body["status"]) == (202, "RUNNING")
    assert leaving.process.wait(15) == 0


def test_an_idle_pod_stops_within_seconds(pods: Pods) -> None:
    pod = pods.start()
    pod.stop()
    assert pod.process.wait(10) == 0


def test_many_callers_at_once_each_get_their_own_answer(pods: Pods, world: World) -> None:
    pod = pods.start(AGENT_TURN_CONCURRENCY="32")
    answers: dict[int, Answered] = {}

    def ask(n: int) -> None:
        answers[n] = pod.post([["step", n]])

    threads = [threading.Thread(target=ask, args=(n,)) for n in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert {n: answer[1]["output"] for n, answer in answers.items()} == {
        n: {"results": [n]} for n in range(16)
    }
    assert_invariants(world, accepted=16)
