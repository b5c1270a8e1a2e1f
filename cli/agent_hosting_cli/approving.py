"""Questions of all agents of a stack, and the answers that people give to them."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from agent_hosting_cli.deployed import told, who
from agent_hosting_cli.project import UserError
from agent_hosting_cli.runs import AgentRuns, Runs
from agent_runtime.approvals import Decision
from agent_runtime.open_runs import Wanted
from agent_runtime.people import decide
from agent_runtime.questions import Question, pending, questions
from agent_runtime.records import Path, path_from


@dataclass(frozen=True)
class Approving:
    """Over some agents. Raises `UserError`."""

    runs: Runs

    def pending(self, wanted: Wanted) -> Iterator[tuple[AgentRuns, Question]]:
        """Questions that wait for an answer, each with its agent."""
        for one in self.runs.agents:
            for question in told(lambda one=one: list(pending(one.store, wanted))):
                yield one, question

    def show(self, approval_id: str, tenant: str | None) -> dict[str, Any]:
        """One question, whether it was answered or not."""
        run_id, _ = parsed(approval_id)
        one, there = self.runs.find(run_id, tenant)

        def read() -> list[Question]:
            head = one.store.find_head(there, run_id)
            return [] if head is None else questions(one.store, head)

        for question in told(read):
            if question.approval_id == approval_id:
                return as_line(one, question)
        raise UserError(f"run {run_id} of {one.agent} has not asked {approval_id}")

    def decide(
        self, approval_id: str, tenant: str | None, verdict: str, result: Any = None
    ) -> dict[str, Any]:
        """Answer a question in the name of whoever calls; `{agent, approval_id, decision, decided_by,
        reaches_the_run}`. The first answer counts; another one is refused, with who gave it."""
        run_id, path = parsed(approval_id)
        one, there = self.runs.find(run_id, tenant)
        by = told(lambda: who(one.deployed.client))
        bundle_id = told(lambda: decide(one.store, there, run_id, path, Decision(verdict, by, result)))
        done = {"agent": one.agent, "approval_id": approval_id, "decision": verdict, "decided_by": by}
        return {**done, "reaches_the_run": self._woken(one, there, run_id, bundle_id)}

    def _woken(self, one: AgentRuns, tenant: str, run_id: str, bundle_id: str | None) -> str:
        """The decision is written: what follows can only be slow."""
        if bundle_id is None:
            return "when its caller asks again with the same key" if not one.queues else "when it goes on"
        try:
            one.wake(tenant, run_id, bundle_id)
        except KeyError:
            return "never: its release is no longer deployed, and the reaper ends it"
        except (ClientError, BotoCoreError):
            return "within a few minutes: its queue does not answer now"
        return "now"


def parsed(approval_id: str) -> tuple[str, Path]:
    """Run and path of an id such as `RUN.000002`. Raises `UserError`."""
    run_id, _, place = approval_id.partition(".")
    try:
        path = path_from(place)
    except ValueError:
        path = ()
    if not path or len(run_id) != 32:
        raise UserError(f"{approval_id!r} is no id of a question; `agent-hosting approvals list` has them")
    return run_id, path


def as_line(one: AgentRuns, question: Question) -> dict[str, Any]:
    """As commands print it."""
    return {"agent": one.agent, "host": one.host, **asdict(question), "at_expiry": "deny"}
