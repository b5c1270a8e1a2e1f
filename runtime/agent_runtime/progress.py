"""Does each step of a run once: replays what was recorded, commits what is new, stops when it must."""

import json
from collections.abc import Callable
from threading import Lock
from typing import Any, Final, TypeVar

from agent_runtime.checkpoints import CheckpointStore
from agent_runtime.errors import (
    AgentRuntimeError,
    CheckpointUnavailable,
    LeaseLost,
    NestedStep,
    ResultNotJson,
    StepLimitExceeded,
    StepMismatch,
    Suspended,
)
from agent_runtime.failures import kind_of, same_error, told_of
from agent_runtime.positions import inner_steps, is_complete
from agent_runtime.records import Lease, OpenedRun, Path, StepRecord, StepState, Usage
from agent_runtime.scopes import Scope, current_scope
from agent_runtime.telemetry import semantics
from agent_runtime.telemetry.spans import open_span
from agent_runtime.traces import Tally

T = TypeVar("T")
Work = Callable[[Path], Any]
"""Does a step at its path."""


class Progress:
    """The steps of one run. `check` raises what forbids to begin another, such as a brake."""

    def __init__(
        self,
        opened: OpenedRun,
        lease: Lease,
        store: CheckpointStore,
        *,
        max_steps: int,
        check: Callable[[], None],
        compact_every: int = 0,
    ) -> None:
        self.lease: Final = lease
        self.recorded: Final = opened.recorded
        self.created_at: Final = opened.record.created_at
        """Milliseconds since 1970."""
        self.store: Final = store
        self.stopped: AgentRuntimeError | None = None
        """Set once the run may not go on: every later step raises it again, even if the agent's code caught
        it."""
        self.usage = Usage()
        """All that the run has used, replayed steps included."""
        self.spent = Usage()
        """What was used since this worker took the run."""
        self.tally: Final = Tally()
        self._max_steps = max_steps
        self._check = check
        self._compact_every = compact_every
        self._since_segment: dict[Path, StepRecord] = {}
        self._completed: dict[Path, tuple[str, bool]] = {}
        self.tool_calls = 0
        """Completed steps that called no model, replayed ones included."""
        self._attempted: dict[Path, StepRecord] = {}
        """What this worker wrote inside the step of the run that it is in: another try goes on from there."""
        self._lock = Lock()
        self._inner: Final = inner_steps(opened.recorded)

    @property
    def steps(self) -> list[tuple[str, bool]]:
        """Name of each completed step, in the order of their ends, and whether it was replayed."""
        return list(self._completed.values())

    def scope(self) -> Scope:
        """Where the calling thread stands. Raises `NestedStep` in a thread that the run did not start."""
        scope = current_scope.get()
        if scope is None:
            raise NestedStep(
                "a step was begun in a thread of the agent's own; `run.gather` does steps at once"
            )
        return scope

    def stop(self, error: AgentRuntimeError) -> None:
        """Let no further step begin."""
        if self.stopped is None:
            self.stopped = error

    def check(self) -> None:
        """Raises what stopped the run, or what stops it now."""
        if self.stopped is None:
            try:
                self._check()
            except AgentRuntimeError as error:
                self.stop(error)
        if self.stopped is not None:
            raise self.stopped

    def is_recorded(self) -> bool:
        """Whether the next step here was done before: then what comes before it was, too."""
        return is_complete(self.recorded, self.scope().next_path)

    def find(self, path: Path) -> StepRecord | None:
        """The step as it was last written, or None."""
        return self._attempted.get(path) or self.recorded.get(path)

    def attempt(self, call: Callable[[], T]) -> T:
        """One try of the step that the thread is in: its own steps begin anew, and are replayed."""
        scope = self.scope()
        scope.number, scope.failure = 0, None
        return call()

    def once(self, name: str, work: Work, *, effect: bool = False) -> Any:
        """The result of the step `name`: replayed, or of `work` and committed.

        Raises `StepMismatch`, `StepLimitExceeded`, `NestedStep`, `ResultNotJson`, `LeaseLost` and what
        `check` raises.
        """
        scope = self.begin(name)
        path = scope.next_path
        recorded = self.find(path)
        if recorded is not None and recorded.state is StepState.DONE:
            return self._replay(scope, recorded)
        self.check()
        is_open = recorded is not None and recorded.children == 0
        inner = Scope(path, name, is_open=is_open, takes_steps=not effect)
        token = current_scope.set(inner)
        try:
            with open_span(semantics.step(name, path, effect=effect)):
                text = as_json(work(path), f"step {name!r}")
        except Exception as error:
            scope.failure = (name, error)
            self.tally.failed(inner.used, error)
            raise
        finally:
            current_scope.reset(token)
        self.tally.succeeded(inner.used)
        self.commit(scope, name, text, inner.used)
        return json.loads(text)

    def begin(self, name: str) -> Scope:
        """The scope of a step that is about to begin: its place is checked, and announced where needed."""
        scope = self.scope()
        if not scope.takes_steps:
            raise NestedStep(f"step {name!r} was begun inside the effect {scope.name!r}")
        if self.stopped is not None:
            raise self.stopped
        self._settle_failure(scope)
        recorded = self.find(scope.next_path)
        if recorded is not None and recorded.name and recorded.name != name:
            raise StepMismatch(
                f"step {'.'.join(map(str, recorded.path))} was {recorded.name!r} and is now {name!r}: the "
                f"code changed order"
            )
        is_new = scope.next_path not in self._completed
        if is_new and len(self._completed) >= self._max_steps:
            raise StepLimitExceeded(f"step {name!r} is one more than the {self._max_steps} allowed")
        if not scope.is_open:
            self.write(lambda: self.store.steps.claim(self.lease, scope.path, scope.name, children=0))
            scope.is_open = True
        return scope

    def commit(self, scope: Scope, name: str, text: str, used: Usage, failed: str | None = None) -> None:
        """Write the result of the next step of `scope`."""
        path = scope.next_path
        saved = self.write(
            lambda: self.store.steps.save(
                self.lease, path, name, text, used if used.model_calls else None, failed=failed
            )
        )
        scope.number += 1
        self._done(saved, name, is_replayed=False)
        self.ended(path, is_replayed=False)

    def announced(self, step: StepRecord) -> None:
        """Note parallel steps that are about to begin: without it their results would look lost."""
        with self._lock:
            self._keep_for_segment(step)

    def ended(self, path: Path, *, is_replayed: bool) -> None:
        """Note that a step, or parallel ones, are through; those of the run itself may end a segment."""
        number, *inside = path
        if inside:
            return
        self._attempted.clear()
        if self._compact_every and number % self._compact_every == 0 and not is_replayed:
            self._compact(number)

    def use(self, scope: Scope, used: Usage, window: int | None = None) -> None:
        """Count what a model call used; `window` is how many tokens its model reads at most."""
        self.tally.model_called(used, window)
        with self._lock:
            scope.used += used
            self.usage += used
            self.spent += used

    def write(self, call: Callable[[], StepRecord]) -> StepRecord:
        """One write of a step; one that failed stops the run, or the next step would take its place."""
        try:
            made = call()
        except (LeaseLost, CheckpointUnavailable) as error:
            self.stop(error)
            raise
        if len(made.path) > 1 or made.state is not StepState.DONE:
            with self._lock:
                self._attempted[made.path] = made
        return made

    def _done(self, step: StepRecord, name: str, *, is_replayed: bool) -> None:
        with self._lock:
            if step.path in self._completed:  # in a try before this one
                return
            self._completed[step.path] = (name, is_replayed)
            self.tool_calls += not step.usage.model_calls
            self.tally.completed(step.name, step.usage)
            if is_replayed:
                self.usage += step.usage
                self.tally.model_called(step.usage)
            self._keep_for_segment(step)

    def _keep_for_segment(self, step: StepRecord) -> None:
        if self._compact_every and step.write_token:  # what has none was read from a segment
            self._since_segment[step.path] = step

    def _replay(self, scope: Scope, recorded: StepRecord) -> Any:
        result = json.loads(self.store.steps.load(recorded))
        scope.number += 1
        for step in (*self._inner.get(recorded.path, ()), recorded):
            self._done(step, step.name, is_replayed=True)
        if recorded.failed is not None:
            raise same_error(recorded.failed, recorded.name, result)
        return result

    def _settle_failure(self, scope: Scope) -> None:
        """The code caught the error of the last step and goes on: the replay must raise it there again."""
        if scope.failure is None:
            return
        name, error = scope.failure
        scope.failure = None
        if isinstance(error, Suspended | LeaseLost):
            return
        self.commit(scope, name, json.dumps(told_of(error)), Usage(), failed=kind_of(error))

    def _compact(self, upto: int) -> None:
        with self._lock:
            steps, self._since_segment = self._since_segment, {}
        self.store.steps.compact(self.lease, upto, list(steps.values()))
        self.store.leased.compacted(self.lease, upto)


def as_json(value: object, what: str) -> str:
    """`value` as JSON text. Raises `ResultNotJson` naming `what`."""
    try:
        return json.dumps(value, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise ResultNotJson(f"{what} returned what JSON cannot hold: {error}") from error
