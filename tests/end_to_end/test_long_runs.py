"""An agent on SQS and ECS through the real command line: it outlives its worker, and fits Lambda as well."""

import json
import os
import signal
import time
import urllib.request
from collections.abc import Callable
from typing import Any

import pytest

from tests.end_to_end.deployments import Deployment

pytestmark = pytest.mark.end_to_end
_SECONDS = 200


class Review:
    """The deployed agent `review`, as a caller with a token sees it."""

    def __init__(self, deployment: Deployment, tenant: str = "demo") -> None:
        self._deployment = deployment
        self.url = deployment.status()["agents"]["review"]["local_url"]
        self._token = deployment.run("token", "--tenant", tenant).strip()

    def call(
        self, method: str, path: str, body: Any = None, key: str | None = None
    ) -> tuple[int, dict[str, Any]]:
        headers = {"authorization": f"Bearer {self._token}", "content-type": "application/json"}
        content = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            self.url + path, content, headers | ({"idempotency-key": key} if key else {}), method=method
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as reply:
                return reply.status, json.loads(reply.read())
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read())

    def begin(self, key: str, **fields: Any) -> str:
        status, body = self.call("POST", "/runs", {"input": {"question": "Ready?", **fields}}, key)
        assert status == 202, body
        return str(body["run_id"])

    def run(self, run_id: str) -> dict[str, Any]:
        status, body = self.call("GET", f"/runs/{run_id}")
        assert status == 200, body
        return body

    def wait(self, run_id: str, until: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        ends = time.monotonic() + _SECONDS
        while not until(found := self.run(run_id)):
            assert time.monotonic() < ends, found
            time.sleep(0.1)
        return found

    def steps(self, run_id: str) -> list[tuple[str, str]]:
        """(sort key, name) of each completed step in the table."""
        outputs = self._deployment.status()["agents"]["review"]
        dynamodb = self._deployment.client("dynamodb")
        reply = dynamodb.query(
            TableName=outputs["checkpoint_table_name"],
            KeyConditionExpression="pk = :pk AND begins_with(sk, :step)",
            ExpressionAttributeValues={":pk": {"S": f"review#demo#{run_id}"}, ":step": {"S": "step#"}},
        )
        done = [item for item in reply["Items"] if item["state"]["S"] == "DONE"]
        return [(item["sk"]["S"], item["name"]["S"]) for item in done]

    def results(self, run_id: str) -> list[str]:
        outputs = self._deployment.status()["agents"]["review"]
        reply = self._deployment.client("dynamodb").query(
            TableName=outputs["checkpoint_table_name"],
            KeyConditionExpression="pk = :pk AND begins_with(sk, :step)",
            ExpressionAttributeValues={":pk": {"S": f"review#demo#{run_id}"}, ":step": {"S": "step#"}},
        )
        return [item["result"]["S"] for item in reply["Items"] if item["name"]["S"] != "file-report"]


@pytest.fixture(scope="module")
def review(deployment: Deployment) -> Review:
    deployment.run("up")
    return Review(deployment)


def pids(deployment: Deployment) -> list[int]:
    return [worker["pid"] for worker in json.loads(deployment.run("workers", "review", "--json"))]


def test_both_agents_are_deployed_each_on_the_host_that_fits(deployment: Deployment, review: Review) -> None:
    agents = deployment.status()["agents"]
    assert {name: agent["host"] for name, agent in agents.items()} == {"handbook": "lambda", "review": "ecs"}
    assert "Deploying" not in deployment.run("up")


def test_a_run_of_twenty_steps_survives_kill_9_of_its_worker(deployment: Deployment, review: Review) -> None:
    run_id = review.begin("killed", seconds_per_check=0.3)
    review.wait(run_id, lambda run: len(run["steps"]) >= 6)
    (pid,) = pids(deployment)
    os.kill(pid, signal.SIGKILL)
    done_before = review.steps(run_id)
    found = review.wait(run_id, lambda run: run["status"] == "DONE")
    assert found["steps"][0]["name"] == "plan"
    assert len(found["steps"]) == 20
    assert review.steps(run_id)[: len(done_before)] == done_before
    assert pids(deployment) != [pid]


def test_the_same_key_is_the_same_run_and_another_tenant_does_not_find_it(
    deployment: Deployment, review: Review
) -> None:
    run_id = review.begin("twice")
    assert review.begin("twice") == run_id or review.run(run_id)["status"] == "DONE"
    status, problem = review.call("POST", "/runs", {"input": {"question": "Other?"}}, "twice")
    assert (status, problem["type"]) == (409, "urn:agent-hosting:problem:idempotency-mismatch")
    stranger = Review(deployment, tenant="stranger")
    for method, path in (("GET", ""), ("GET", "/events"), ("POST", "/cancel")):
        assert stranger.call(method, f"/runs/{run_id}{path}")[0] == 404


def test_events_come_after_a_cursor_and_a_cancelled_run_stops(review: Review) -> None:
    run_id = review.begin("cancelled", seconds_per_check=0.3)
    review.wait(run_id, lambda run: len(run["steps"]) >= 3)
    _, page = review.call("GET", f"/runs/{run_id}/events")
    assert page["events"][0]["data"] == {"check": "owner", "done": 1, "of": 18}
    _, rest = review.call("GET", f"/runs/{run_id}/events?after={page['events'][0]['cursor']}")
    assert rest["events"][0]["data"]["done"] == 2
    assert review.call("POST", f"/runs/{run_id}/cancel") == (200, {"run_id": run_id, "status": "CANCELLED"})
    steps = review.steps(run_id)
    other = review.begin("after-the-cancelled")
    review.wait(other, lambda run: run["status"] == "DONE")
    assert review.run(run_id)["status"] == "CANCELLED"
    assert len(review.steps(run_id)) <= len(steps)


def test_what_the_roles_did_was_allowed_and_nothing_was_refused(
    deployment: Deployment, review: Review
) -> None:
    refusals = deployment.root / ".agent-hosting" / "cloud" / "refusals.jsonl"
    assert not refusals.exists() or refusals.read_text() == ""


def test_the_same_source_makes_the_same_checkpoints_on_lambda(deployment: Deployment, review: Review) -> None:
    on_ecs = review.begin("compared")
    review.wait(on_ecs, lambda run: run["status"] == "DONE")
    before = review.steps(on_ecs), review.results(on_ecs)
    with deployment.edit() as config:
        config["agent-hosting:agents"]["review"]["run_profile"]["longest_run_seconds"] = 20
    deployment.run("up")
    moved = Review(deployment)
    assert deployment.status()["agents"]["review"]["host"] == "lambda"
    status, body = moved.call("POST", "/runs", {"input": {"question": "Ready?"}}, "compared on lambda")
    assert (status, body["status"]) == (200, "DONE")
    assert (moved.steps(body["run_id"]), moved.results(body["run_id"])) == before
