"""Runs of the third example that wait in their second step for as long as a test wants."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.end_to_end.callers import Caller
from tests.end_to_end.deployments import Deployment

SOURCE = "examples/05-waits"
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
        self._caller = Caller(deployment, agent)
        self._until = deployment.root / f"{agent}-{session}"
        status, accepted = self.ask(session, {"until": str(self._until)})
        assert status == 202, accepted
        self.run_id = str(accepted["run_id"])
        self.wait(lambda run: len(run["steps"]) == 1)

    def ask(self, session: str, more: dict[str, Any] | None = None) -> tuple[int, dict[str, Any]]:
        """A run of the same agent."""
        given = {"question": "My sister is called Grace.", **(more or {})}
        return self._caller.call("POST", "/runs", {"input": given, "session": session})

    def go_on(self) -> None:
        """Its second step ends."""
        self._until.touch()

    def wait(self, until: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """What its caller sees, once it is so."""
        return self._caller.wait(self.run_id, until)

    @property
    def has_replied(self) -> bool:
        """Whether its third step was ever begun."""
        return self._until.with_name(f"{self._until.name}.replied").exists()

    @property
    def steps(self) -> list[str]:
        return self._caller.step_names(self.run_id)
