"""Does each step of a run once: replays what was recorded, commits what is new, stops when it must."""

import json
import sys
from collections.abc import Callable
from threading import Lock
from typing import Any, Final

from agent_runtime.checkpoints import CheckpointStore
from agent_runtime.errors import (
    AgentRuntimeError,
    LeaseLost,
    NestedStep,
    ResultNotJson,
    StepLimitExceeded,
    StepMismatch,
    Suspended,
)
from agent_runtime.records import Lease, OpenedRun, Path, StepRecord, StepState, Usage
from agent_runtime.scopes import Scope, current_scope

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
        self.store: Final = store
        self.stopped: AgentRuntimeError | None = None
        """Set once the run may not go on: every later step raises it again, even if the agent's code caught
        it."""
        self.steps: list[tuple[str, bool]] = []
        """Name of each completed step, in the order of their ends, and whether it was replayed."""
        self.usage = Usage()
        """All that the run has used, replayed steps included."""
        self.spent = Usage()
        """What was used since this worker took the run."""
        self._max_steps = max_steps
        self._check = check
        self._compact_every = compact_every
        self._since_segment: list[StepRecord] = []
        self._lock = Lock()

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
        step = self.recorded.get(self.scope().next_path)
        return step is not None and step.state is StepState.DONE

    def once(self, name: str, work: Work, *, effect: bool = False) -> Any:
        """The result of the step `name`: replayed, or of `work` and committed.

        Raises `StepMismatch`, `StepLimitExceeded`, `NestedStep`, `ResultNotJson`, `LeaseLost` and what
        `check` raises.
        """
        scope = self.begin(name)
        path = scope.next_path
        recorded = self.recorded.get(path)
        if recorded is not None and recorded.state is StepState.DONE:
            return self._replay(scope, recorded)
        self.check()
        is_open = recorded is not None and recorded.children == 0
        inner = Scope(path, name, is_open=is_open, takes_steps=not effect)
        token = current_scope.set(inner)
        try:
            text = as_json(work(path), f"step {name!r}")
        except Exception as error:
            scope.failure = (name, error)
            raise
        finally:
            current_scope.reset(token)
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
        recorded = self.recorded.get(scope.next_path)
        if recorded is not None and recorded.name and recorded.name != name:
            raise StepMismatch(
                f"step {'.'.join(map(str, recorded.path))} was {recorded.name!r} and is now {name!r}: the "
                f"code changed order"
            )
        if len(self.steps) >= self._max_steps:
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
        self.done(saved, name, is_replayed=False)

    def done(self, step: StepRecord, name: str, *, is_replayed: bool) -> None:
        """Note a step that is complete."""
        with self._lock:
            self.steps.append((name, is_replayed))
            if is_replayed:
                self.usage += step.usage
            is_in_a_segment = is_replayed and not step.write_token
            if self._compact_every and not is_in_a_segment:
                self._since_segment.append(step)
        is_due = self._compact_every > 0 and len(step.path) == 1 and step.path[0] % self._compact_every == 0
        if is_due and not is_replayed:
            self._compact(step.path[0])

    def note(self, step: StepRecord) -> None:
        """Remember a claim that belongs into the next segment: without it its children would look lost."""
        if self._compact_every:
            with self._lock:
                self._since_segment.append(step)

    def use(self, scope: Scope, used: Usage) -> None:
        """Count what a model call used."""
        with self._lock:
            scope.used += used
            self.usage += used
            self.spent += used

    def write(self, call: Callable[[], StepRecord]) -> StepRecord:
        """One write of a step; a lost lease stops the run."""
        try:
            return call()
        except LeaseLost as error:
            self.stop(error)
            raise

    def _replay(self, scope: Scope, recorded: StepRecord) -> Any:
        if recorded.failed is not None:
            scope.number += 1
            self.done(recorded, recorded.name, is_replayed=True)
            raise _same_error(recorded.failed, recorded.name)
        result = json.loads(self.store.steps.load(recorded))
        scope.number += 1
        self.done(recorded, recorded.name, is_replayed=True)
        return result

    def _settle_failure(self, scope: Scope) -> None:
        """The code caught the error of the last step and goes on: the replay must raise it there again."""
        if scope.failure is None:
            return
        name, error = scope.failure
        scope.failure = None
        if isinstance(error, Suspended | LeaseLost):
            return
        kind = f"{type(error).__module__}:{type(error).__qualname__}"
        self.commit(scope, name, "null", Usage(), failed=kind)

    def _compact(self, upto: int) -> None:
        with self._lock:
            steps, self._since_segment = self._since_segment, []
        self.store.steps.compact(self.lease, upto, steps)
        self.store.compacted(self.lease, upto)


def as_json(value: object, what: str) -> str:
    """`value` as JSON text. Raises `ResultNotJson` naming `what`."""
    try:
        return json.dumps(value, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise ResultNotJson(f"{what} returned what JSON cannot hold: {error}") from error


def _same_error(kind: str, name: str) -> Exception:
    """An error of the recorded class, so that the same `except` catches it. Its text was never written."""
    module_name, _, class_name = kind.partition(":")
    found: Any = sys.modules.get(module_name)
    for part in class_name.split("."):
        found = getattr(found, part, None)
    text = f"step {name!r} failed with {class_name}, and the agent went on"
    if not (isinstance(found, type) and issubclass(found, Exception)):
        return StepMismatch(f"{text}; that class is no longer there")
    made = found.__new__(found)
    made.args = (text,)
    return made
