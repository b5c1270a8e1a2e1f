"""Hands one run to a person when it reaches a threshold."""

from collections.abc import Callable
from typing import Protocol

from agent_runtime.approvals import Approvals
from agent_runtime.errors import CapDenied
from agent_runtime.guards.thresholds import Facts, History, Thresholds, history, reached
from agent_runtime.progress import Progress
from agent_runtime.records import Lease, Path


class Ask(Protocol):
    """Puts a question at `path` to a person; whether it was approved. Suspends the run until then."""

    def __call__(self, path: Path, name: str, summary: str) -> bool: ...


class Escalation:
    """Of one run that a worker has. `clock` gives seconds since 1970."""

    def __init__(
        self, thresholds: Thresholds, approvals: Approvals, lease: Lease, ask: Ask, clock: Callable[[], float]
    ) -> None:
        self._thresholds, self._approvals, self._lease = thresholds, approvals, lease
        self._ask, self._clock = ask, clock
        self._history: History | None = None

    def check(self, progress: Progress) -> None:
        """Before another step. Raises `Suspended` where a person has to look, and `CapDenied` where one did
        and said no."""
        while (found := reached(self._thresholds, self._facts(progress), self._known().allowed)) is not None:
            if not self._ask(found.path, f"escalation: {found.kind}", found.text):
                raise CapDenied(f"{found.text}, and nobody let it")
            self._history = None  # the decision came before the run was given back

    def _facts(self, progress: Progress) -> Facts:
        since = max(progress.created_at / 1000, self._known().decided_at)
        calls = progress.tally.trace(None, None)
        steps = len(progress.steps)
        return Facts(steps, self._clock() - since, calls.tool_calls, calls.tool_errors)

    def _known(self) -> History:
        """Read once: after a decision another worker has the run, or this one looks again."""
        if self._history is None:
            questions = self._approvals.of_run(self._lease.pk, self._lease.birth)
            self._history = history(*questions)
        return self._history
