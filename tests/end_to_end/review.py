"""The agent `review`, whose runs are long."""

import json
import time
from collections.abc import Callable
from typing import Any

from tests.end_to_end.callers import Caller
from tests.end_to_end.deployments import Deployment

_MOST_RUNS = 40


class Review(Caller):
    """A caller of the deployed agent `review`."""

    def __init__(self, deployment: Deployment, tenant: str = "demo") -> None:
        super().__init__(deployment, "review", tenant)

    def begin(self, key: str, **fields: Any) -> str:
        status, body = self.call("POST", "/runs", {"input": {"question": "Ready?", **fields}}, key)
        assert status == 202, body
        return str(body["run_id"])

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
        return [(item["sk"]["S"], item["name"]["S"]) for item in self.done_steps(run_id)]

    def results(self, run_id: str) -> list[str]:
        """Of each completed step but the last, whose result is of its moment."""
        found = self.done_steps(run_id)
        return [item["result"]["S"] for item in found if item["name"]["S"] != "file-report"]


def pids(deployment: Deployment) -> list[int]:
    return [worker["pid"] for worker in json.loads(deployment.run("workers", "review", "--json"))]


def spend_alarm(deployment: Deployment, agent: str) -> str:
    """State of the alarm on what the agent spends in an hour, by what is measured until now."""
    deployment.embedded("alarms/run")
    found = deployment.client("cloudwatch").describe_alarms(AlarmNamePrefix=f"{agent}-budget-spend-hour")
    (alarm,) = found["MetricAlarms"]
    return str(alarm["StateValue"])
