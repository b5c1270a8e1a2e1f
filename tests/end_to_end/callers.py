"""Somebody with a token who calls one agent, and what the agent's table holds of their runs."""

import time
from collections.abc import Callable
from functools import cached_property
from typing import Any

from tests.end_to_end.asks import call
from tests.end_to_end.deployments import Deployment

_SECONDS = 240.0


def is_done(run: dict[str, Any]) -> bool:
    return run["status"] == "DONE"


class Caller:
    """Of the agent as it is deployed at the first call."""

    def __init__(self, deployment: Deployment, agent: str, tenant: str = "demo") -> None:
        self.agent, self.tenant, self._deployment = agent, tenant, deployment

    def call(
        self, method: str, path: str, body: Any = None, key: str | None = None
    ) -> tuple[int, dict[str, Any]]:
        return call(method, f"{self.url}{path}", self.token, body, key)

    def run(self, run_id: str) -> dict[str, Any]:
        status, found = self.call("GET", f"/runs/{run_id}")
        assert status == 200, found
        return found

    def wait(
        self,
        run_id: str,
        until: Callable[[dict[str, Any]], bool] = is_done,
        meanwhile: Callable[[], None] = lambda: None,
    ) -> dict[str, Any]:
        """The run once it is so; `meanwhile` is called between the looks."""
        ends = time.monotonic() + _SECONDS
        while not until(found := self.run(run_id)):
            assert time.monotonic() < ends, found
            meanwhile()
            time.sleep(0.1)
        return found

    def done_steps(self, run_id: str) -> list[dict[str, Any]]:
        """Items of the completed steps, in order: one that was done twice is there twice."""
        reply = self._deployment.client("dynamodb").query(
            TableName=self.outputs["checkpoint_table_name"],
            KeyConditionExpression="pk = :pk AND begins_with(sk, :step)",
            ExpressionAttributeValues={
                ":pk": {"S": f"{self.agent}#{self.tenant}#{run_id}"},
                ":step": {"S": "step#"},
            },
        )
        return [item for item in reply["Items"] if item["state"]["S"] == "DONE"]

    def step_names(self, run_id: str) -> list[str]:
        return [item["name"]["S"] for item in self.done_steps(run_id)]

    @property
    def url(self) -> str:
        return self.outputs["local_url"]

    @cached_property
    def outputs(self) -> dict[str, Any]:
        return self._deployment.status()["agents"][self.agent]

    @cached_property
    def token(self) -> str:
        return self._deployment.run("token", "--tenant", self.tenant).strip()
