"""Runs an agent once for each case, in this process and at once on threads."""

import logging
import sys
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager, redirect_stdout, suppress
from queue import Empty, SimpleQueue
from threading import Thread
from time import monotonic
from typing import Any, Final

from agent_hosting_cli.evaluation.cases import Case
from agent_hosting_cli.evaluation.results import TIMED_OUT, CaseResult
from agent_runtime.ids import run_id_for_key
from agent_runtime.outcomes import RunOutcome
from agent_runtime.records import RunRequest, RunStatus
from agent_runtime.runner import Runner

TENANT: Final = "evaluation"
_LEASE_MARGIN_SECONDS: Final = 60


class CaseRunner:
    """Runs cases with one runner. A case that takes too long is given up: its thread is left to itself, gets
    no model and no checkpoint any more, and ends with the process at the latest."""

    def __init__(
        self,
        runner: Runner,
        agent: str,
        *,
        timeout_seconds: float,
        then: Callable[[Case, CaseResult], CaseResult] = lambda _, result: result,
    ) -> None:
        """`then` is done with each result in the case's place, such as to score it."""
        self._runner, self._agent, self._timeout, self._then = runner, agent, timeout_seconds, then

    def run(
        self, cases: Sequence[Case], *, at_once: int, progressed: Callable[[int], None] = lambda _: None
    ) -> list[CaseResult]:
        """The results in the order of the cases; `progressed` is told how many are through.

        Raises what `then` raises.
        """
        waiting: SimpleQueue[tuple[int, Case]] = SimpleQueue()
        through: SimpleQueue[tuple[int, CaseResult | Exception]] = SimpleQueue()
        for numbered in enumerate(cases):
            waiting.put(numbered)

        def lane() -> None:
            while True:
                try:
                    number, case = waiting.get_nowait()
                except Empty:
                    return
                try:
                    through.put((number, self._then(case, self.result_of(case))))
                except Exception as error:  # noqa: BLE001  raised again where it is waited for
                    _emptied(waiting)
                    through.put((number, error))

        with _as_in_an_evaluation():
            # Daemons, so that an interrupted evaluation ends at once.
            lanes = [Thread(target=lane, daemon=True) for _ in range(min(at_once, len(cases)))]
            for each in lanes:
                each.start()
            found: dict[int, CaseResult] = {}
            failures: list[Exception] = []
            while len(found) < len(cases) and not failures:
                number, result = through.get()
                if isinstance(result, Exception):
                    failures.append(result)
                else:
                    found[number] = result
                    progressed(len(found))
            for each in lanes:  # the surroundings stay until nobody is in them any more
                each.join()
        if failures:
            raise failures[0]
        return [found[number] for number in range(len(cases))]

    def result_of(self, case: Case) -> CaseResult:
        """What became of one case."""
        ended: SimpleQueue[RunOutcome | BaseException] = SimpleQueue()
        began = monotonic()
        deadline = began + self._timeout
        request = RunRequest(run_id_for_key(self._agent, TENANT, case.id), TENANT, case.input)

        def run() -> None:
            try:
                ended.put(
                    self._runner.run(
                        request,
                        lease_seconds=self._timeout + _LEASE_MARGIN_SECONDS,
                        remaining_seconds=lambda: deadline - monotonic(),
                    )
                )
            except BaseException as error:  # noqa: BLE001  SystemExit of an agent's code is a failure too
                ended.put(error)

        thread = Thread(target=run, name=f"case {case.id}", daemon=True)
        thread.start()
        thread.join(self._timeout)
        latency_ms = (monotonic() - began) * 1000
        if ended.empty():
            reason = f"no end within {self._timeout:g} s"
            return CaseResult(case.id, TIMED_OUT, latency_ms, reason=reason)
        outcome = ended.get()
        if isinstance(outcome, BaseException):
            return CaseResult(case.id, RunStatus.FAILED, latency_ms, reason=type(outcome).__name__)
        return _result(case, outcome, latency_ms)


def _emptied(waiting: "SimpleQueue[tuple[int, Case]]") -> None:
    with suppress(Empty):
        while True:
            waiting.get_nowait()


def _result(case: Case, outcome: RunOutcome, latency_ms: float) -> CaseResult:
    return CaseResult(
        case.id,
        outcome.status,
        latency_ms,
        output=outcome.output if outcome.status is RunStatus.DONE else None,
        steps=outcome.steps,
        usage=outcome.usage,
        reason=type(outcome.error).__name__ if outcome.error else None,
    )


@contextmanager
def _as_in_an_evaluation() -> Generator[None]:
    """The agent's prints go to standard error, for what is printed is the judgement; and the runtime's log,
    which without a handler would show the texts of the agent's exceptions, goes nowhere."""
    logger: Any = logging.getLogger("agent_runtime")
    before = logger.propagate, logger.handlers[:]
    logger.propagate, logger.handlers[:] = False, [logging.NullHandler()]
    try:
        with redirect_stdout(sys.stderr):
            yield
    finally:
        logger.propagate, logger.handlers[:] = before
