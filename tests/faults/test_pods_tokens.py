"""Callers whom a server process does not know, and what it tells whoever scales and watches it."""

import json

from tests.faults.pods import Pods
from tests.faults.world import SECRET_TEXT


def test_only_callers_with_a_token_for_this_agent_begin_runs(pods: Pods) -> None:
    pod = pods.start()
    refused = {
        "no token": "",
        "expired": pods.token(lifetime_seconds=-60),
        "another audience": pods.token(audience="somebody-else"),
        "nonsense": "a.b.c",
    }
    for what, token in refused.items():
        status, problem, headers = pod.post([["step", 1]], token=token)
        assert (status, headers["www-authenticate"]) == (401, "Bearer"), what
        assert headers["content-type"] == "application/problem+json"
        assert problem["type"] == "urn:agent-hosting:problem:unauthorized"
    assert pods.world.items() == []
    assert pod.post([["step", 1]])[0] == 200


def test_a_tenant_is_who_the_token_says_and_sees_its_own_runs_alone(pods: Pods) -> None:
    pod = pods.start(AGENT_TENANTS="acme,globex")
    status, body, _ = pod.post([["approve", "?"]])
    assert status == 202
    theirs = pods.token("globex")
    run = f"/runs/{body['run_id']}"
    assert pod.call("GET", run, token=theirs)[0] == 404
    assert pod.call("GET", f"{run}/events", token=theirs)[0] == 404
    assert pod.call("POST", f"{run}/cancel", token=theirs)[0] == 404
    decision = f"/approvals/{body['run_id']}.000001"
    assert pod.call("POST", decision, {"decision": "approve"}, token=theirs)[0] == 404
    for nobody, status in (("initech", 403), ("a#b", 403)):
        assert pod.call("GET", run, token=pods.token(nobody))[0] == status
    assert pod.call("GET", run, token=pods.token("", claims={"tenant": None}))[0] == 403, "its subject is ann"
    assert pod.call("POST", f"{run}/cancel")[0] == 200


def test_a_pod_writes_json_lines_with_a_metric_for_each_run_and_no_token(pods: Pods) -> None:
    pod = pods.start()
    pod.post([["secret", None]], session="s-1")
    pod.post([["step", 1]], token="not-a-token-5417")
    pod.stop()
    assert pod.process.wait(15) == 0
    lines = [json.loads(line) for line in pods.world.logs().splitlines()]
    runs = [line for line in lines if line.get("Runs") == 1]
    assert [run["bundle"] for run in runs] == [pods.world.bundle_id]
    assert "listening" in {line.get("message") for line in lines}
    for secret in (SECRET_TEXT, pod.token, "not-a-token-5417"):
        assert secret not in pods.world.logs()


def test_a_server_that_is_told_too_little_says_what_it_lacks(pods: Pods) -> None:
    process = pods.world.start_worker({"command": "serve"}, AGENT_JWT_AUDIENCES='["x"]')
    assert process.wait(30) == 78
    assert "AGENT_JWT_ISSUER" in pods.world.logs()
    process = pods.world.start_worker(
        {"command": "serve"}, AGENT_JWT_ISSUER="http://login.example", AGENT_JWT_AUDIENCES='["x"]'
    )
    assert process.wait(30) == 78
    assert "an https URL" in pods.world.logs()
