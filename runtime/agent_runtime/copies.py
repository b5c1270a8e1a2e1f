"""Copies of runs, for a candidate that has to show what it would have done.

A copy is a run of its own in the same table, with the input of the run that it copies. Its id is no run id of
the HTTP contract, so that no caller finds it. What it would do outside is answered from the record of the run
that it copies.
"""

import json
import re
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, Final

from agent_runtime.checkpoints import CheckpointStore
from agent_runtime.errors import CopyDiverged
from agent_runtime.failures import same_error
from agent_runtime.records import Path, RunRecord, StepRecord, StepState, record_from
from agent_runtime.scopes import current_scope

_COPY_ID: Final = re.compile(r"copy-[0-9a-f]{12}-([0-9a-f]{32})")


def copy_id(bundle_id: str, run_id: str) -> str:
    """The id of a bundle's one copy of a run."""
    return f"copy-{bundle_id}-{run_id}"


def copied_run(run_id: str) -> str | None:
    """The run that is copied, or None for a run of a caller's."""
    found = _COPY_ID.fullmatch(run_id)
    return found.group(1) if found else None


class Recording:
    """What the run that is copied did: each result is given once."""

    def __init__(
        self,
        output: Any,
        recorded: Mapping[Path, StepRecord],
        store: CheckpointStore,
        *,
        session: str | None = None,
        memory_from: str = "",
    ) -> None:
        self.output: Final = output
        self.session: Final = session
        self.memory_from: Final = memory_from
        """Which version of its session's memory that run began with."""
        self._steps = [step for _, step in sorted(recorded.items()) if step.state is StepState.DONE]
        self._store = store
        self._taken: set[Path] = set()
        self._lock = threading.Lock()

    def answer(self) -> Any:
        """The result of the step that the calling thread is in: of the one at the same place, or else of the
        next one with its name. Raises `CopyDiverged` where there is none, and the error of one that failed.
        """
        scope = current_scope.get()
        assert scope is not None
        step = self._take(scope.path, scope.name)
        if step.failed is not None:
            raise same_error(step.failed, step.name)
        return json.loads(self._store.steps.load(step))

    def _take(self, path: Path, name: str) -> StepRecord:
        with self._lock:
            named = [step for step in self._steps if step.name == name and step.path not in self._taken]
            for step in sorted(named, key=lambda step: step.path != path):
                self._taken.add(step.path)
                return step
        raise CopyDiverged(f"the run that is copied did no {name!r} that is left")


def recording_of(store: CheckpointStore, copy: RunRecord) -> Recording | None:
    """What a copy is answered from; None for a run of a caller's. Nothing is left of one that has expired."""
    original_id = copied_run(copy.run_id)
    if original_id is None:
        return None
    head = store.find_head(copy.tenant, original_id)
    if head is None:
        return Recording(None, {}, store)
    recorded = store.steps.read(head["pk"], head["birth"], head.get("compacted_to", 0))
    record = record_from(head, store.blobs, with_input=False)
    return Recording(record.output, recorded, store, session=record.session, memory_from=record.memory_from)


def agreement(one: Any, other: Any) -> float:
    """Share of words that two JSON values have in common: twice the common ones over all. 1.0 for two values
    without any."""
    words, others = Counter(_words(one)), Counter(_words(other))
    together = words.total() + others.total()
    return 2 * (words & others).total() / together if together else 1.0


def _words(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        for name, held in value.items():
            yield from (f"{name}: {word}" for word in _words(held))
    elif isinstance(value, list):
        for held in value:
            yield from _words(held)
    else:
        yield from re.findall(r"\w+", str(value).lower())
