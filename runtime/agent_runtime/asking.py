"""What a run asks people, and how it waits for them: given back, with no worker held."""

from collections.abc import Callable
from typing import Final

from agent_runtime.approvals import Approval, Approvals, Decision
from agent_runtime.audit.trail import Trail
from agent_runtime.errors import AgentRuntimeError, GuardTripped, GuardUpheld, Suspended
from agent_runtime.guards.questions import GUARD_SECONDS, guard_path
from agent_runtime.progress import Progress
from agent_runtime.records import Lease, Path, RunStatus, StepRecord, StepState
from agent_runtime.telemetry.spans import annotate

IN_DOUBT_SECONDS: Final = 7 * 86_400
"""How long a person has to say whether an effect happened: over a week-end, and within a run's retention."""
CAP_SECONDS: Final = 7 * 86_400
"""How long a person has to let a run go on that has reached a cap; then it is denied."""


class Asking:
    """Of one run that a worker has. `clock` gives seconds since 1970."""

    def __init__(
        self,
        run_id: str,
        tenant: str,
        lease: Lease,
        progress: Progress,
        approvals: Approvals,
        clock: Callable[[], float],
        audit: Trail,
    ) -> None:
        self._run_id, self._tenant, self._lease = run_id, tenant, lease
        self._progress, self._approvals = progress, approvals
        self._clock, self._audit = clock, audit

    def approves(self, path: Path, name: str, summary: str, seconds: float = CAP_SECONDS) -> bool:
        """Whether a person approves within that time. Raises `Suspended` until one has decided."""
        question = Approval(self._run_id, path, name, summary, self._clock() + seconds)
        return self._answered(self._approvals.ask(self._lease, question)).verdict == "approve"

    def settled(self, effect: StepRecord, name: str) -> Decision:
        """What a person knows of an effect whose worker died in it. Each death is a question of its own; it
        is put before the effect is marked, so that no worker takes the answer to the one before for it.
        Raises `Suspended` until one has said so."""
        summary, expires_at = f"it is not known whether {name!r} happened", self._clock() + IN_DOUBT_SECONDS
        question = Approval(self._run_id, effect.path, name, summary, expires_at, is_doubt=True)
        is_marked = effect.state is StepState.IN_DOUBT
        answer = self._approvals.ask(self._lease, question, anew=not is_marked)
        if not is_marked:
            self._progress.write(
                lambda: self._progress.store.steps.claim(
                    self._lease, effect.path, name, effect=True, state=StepState.IN_DOUBT
                )
            )
        return self._answered(answer)

    def circling(self, reason: str, times: int) -> None:
        """Stop the run until a person lets it go on: a question of its own each time. Raises `GuardTripped`
        and `GuardUpheld`."""
        summary = f"{reason}. Approve to let the run go on"
        asked = guard_path("loop", times)
        question = Approval(self._run_id, asked, "loop", summary, self._clock() + GUARD_SECONDS)
        answer = self._approvals.ask(self._lease, question)
        if isinstance(answer, Decision) and answer.verdict == "approve":
            return
        error: AgentRuntimeError = GuardTripped("loop", reason, asked)
        if isinstance(answer, Decision):
            error = GuardUpheld(f"{reason}; {answer.decided_by} said: {answer.verdict}")
        self._audit.record(
            "guard-tripped", run_id=self._run_id, tenant=self._tenant, guard="loop", reason=reason
        )
        self._progress.stop(error)
        raise error

    def suspended(
        self, reason: str, status: RunStatus, due_at: float, asked: Path | None = None
    ) -> Suspended:
        """What gives the run back; no later step begins, even if the agent's code catches it."""
        suspended = Suspended(reason, status.value, due_at, asked)
        self._progress.stop(suspended)
        return suspended

    def _answered(self, answer: Decision | Approval) -> Decision:
        """A person's decision; until there is one the run is suspended."""
        if isinstance(answer, Decision):
            annotate({"agent_hosting.approval.verdict": answer.verdict})
            return answer
        reason = f"waits for a person: {answer.summary}"
        raise self.suspended(reason, RunStatus.WAITING_APPROVAL, answer.expires_at, answer.path)
