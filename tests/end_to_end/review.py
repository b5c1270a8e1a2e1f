"""The agent `review`, whose runs are long."""

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

from tests.end_to_end.deployments import Deployment

_SECONDS = 200
_MOST_RUNS = 40


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

    def spend_until(self, holds: Callable[[], bool]) -> None:
        """Has runs done, one after the other, until it holds; one that is stopped by then stays so."""
        for number in range(_MOST_RUNS):
            if holds():
                return
            body = {"input": {"question": "Ready?"}}
            status, answer = self.call("POST", "/runs", body, f"spends {number}")
            if status == 202:
                self.wait(answer["run_id"], lambda run: run["status"] in ("DONE", "PARKED"))
        raise AssertionError(f"{_MOST_RUNS} runs were not enough")

    def until_braked(self) -> dict[str, Any]:
        """The problem that a new run gets, once the door has noticed the brake."""
        for number in range(_MOST_RUNS):
            status, answer = self.call("POST", "/runs", {"input": {"question": "Ready?"}}, f"braked {number}")
            if status == 429:
                return answer
            time.sleep(1)  # what is let in meanwhile waits for the release, and costs
        raise AssertionError("the door lets runs in")

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


def pids(deployment: Deployment) -> list[int]:
    return [worker["pid"] for worker in json.loads(deployment.run("workers", "review", "--json"))]


def spend_alarm(deployment: Deployment, agent: str) -> str:
    """State of the alarm on what the agent spends in an hour, by what is measured until now."""
    deployment.embedded("alarms/run")
    found = deployment.client("cloudwatch").describe_alarms(AlarmNamePrefix=f"{agent}-budget-spend-hour")
    (alarm,) = found["MetricAlarms"]
    return str(alarm["StateValue"])
