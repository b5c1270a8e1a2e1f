"""Runs of the third example that wait in their second step for as long as a test wants."""

import shutil
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.end_to_end.asks import ask, send
from tests.end_to_end.deployments import Deployment

SOURCE = "examples/05-waits"
_SECONDS = 240.0
_CODE = '''

recall_at_once, reply_at_once = recall, reply


def recall(run: Run, facts: list[str], asked: str) -> list[str]:
    """Not before the file `until` is there, where one is named."""
    ends = time.monotonic() + 600
    while "until" in run.input and not Path(run.input["until"]).exists() and time.monotonic() < ends:
        time.sleep(0.05)
    return recall_at_once(run, facts, asked)


def reply(run: Run, heard: dict[str, Any], recalled: list[str]) -> str:
    """Leaves a file beside it: whether the step was begun shows outside the table, too."""
    if "until" in run.input:
        Path(run.input["until"] + ".replied").touch()
    return reply_at_once(run, heard, recalled)
'''


def make_source(root: Path) -> str:
    """The third example, changed so, in a copy of the project; its folder."""
    shutil.copytree(root / "examples" / "03-resident", root / SOURCE)
    code = root / SOURCE / "agent.py"
    code.write_text(code.read_text() + _CODE)
    return SOURCE


class HeldUp:
    """One run of a session of its own, in its second step once it is made."""

    def __init__(self, deployment: Deployment, agent: str, session: str) -> None:
        self.agent, self._deployment = agent, deployment
        self._outputs = deployment.status()["agents"][agent]
        self._token = deployment.run("token").strip()
        self._until = deployment.root / f"{agent}-{session}"
        status, accepted = self.ask(session, {"until": str(self._until)})
        assert status == 202, accepted
        self.run_id = str(accepted["run_id"])
        self.wait(lambda run: len(run["steps"]) == 1)

    def ask(self, session: str, more: dict[str, Any] | None = None) -> tuple[int, dict[str, Any]]:
        """A run of the same agent."""
        given = {"question": "My sister is called Grace.", **(more or {})}
        return ask(self._outputs["local_url"], self._token, {"input": given, "session": session})

    def go_on(self) -> None:
        """Its second step ends."""
        self._until.touch()

    def wait(self, until: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """What its caller sees, once it is so."""
        url, headers = self._outputs["local_url"], {"authorization": f"Bearer {self._token}"}
        ends = time.monotonic() + _SECONDS
        while True:
            status, found = send(urllib.request.Request(f"{url}/runs/{self.run_id}", headers=headers))
            assert status == 200, found
            if until(found):
                return found
            assert time.monotonic() < ends, found
            time.sleep(0.1)

    @property
    def has_replied(self) -> bool:
        """Whether its third step was ever begun."""
        return self._until.with_name(f"{self._until.name}.replied").exists()

    @property
    def steps(self) -> list[str]:
        """Names of the completed steps in the table, in order: one that was done twice is there twice."""
        reply = self._deployment.client("dynamodb").query(
            TableName=self._outputs["checkpoint_table_name"],
            KeyConditionExpression="pk = :pk AND begins_with(sk, :step)",
            ExpressionAttributeValues={
                ":pk": {"S": f"{self.agent}#demo#{self.run_id}"},
                ":step": {"S": "step#"},
            },
        )
        return [item["name"]["S"] for item in reply["Items"] if item["state"]["S"] == "DONE"]
