"""Which steps of a run are complete, and which may be written next: pure, over what was recorded."""

from collections import defaultdict
from collections.abc import Mapping

from agent_runtime.errors import CheckpointError
from agent_runtime.records import Path, StepRecord, StepState

Recorded = Mapping[Path, StepRecord]


def is_complete(recorded: Recorded, path: Path) -> bool:
    """Whether the step is done; of parallel steps, whether all of them are."""
    step = recorded.get(path)
    if step is None:
        return False
    if step.state is StepState.DONE:
        return True
    return bool(step.children) and all(
        is_complete(recorded, (*path, child)) for child in range(1, (step.children or 0) + 1)
    )


def next_positions(recorded: Recorded, scope: Path = ()) -> list[Path]:
    """Every position that a worker which knows no more than `recorded` could write next.

    One for a run whose steps follow one another; with parallel steps under way one for each of them, and with
    steps inside a step one for each level.
    """
    number = 1
    while is_complete(recorded, (*scope, number)):
        number += 1
    here = (*scope, number)
    return [here, *_inside(recorded, here)]


def _inside(recorded: Recorded, path: Path) -> list[Path]:
    step = recorded.get(path)
    if step is None or step.children is None:
        return []
    if step.children == 0:
        return next_positions(recorded, path)
    found: list[Path] = []
    for child in range(1, step.children + 1):
        if not is_complete(recorded, (*path, child)):
            found += [(*path, child), *_inside(recorded, (*path, child))]
    return found


def inner_steps(recorded: Recorded) -> Mapping[Path, list[StepRecord]]:
    """The completed steps inside of each step, which a replay of that step passes over."""
    inner: defaultdict[Path, list[StepRecord]] = defaultdict(list)
    for path, step in sorted(recorded.items()):
        if step.state is StepState.DONE:
            for length in range(1, len(path)):
                inner[path[:length]].append(step)
    return inner


def check_contiguous(recorded: Recorded, run_id: str) -> None:
    """Raises `CheckpointError` where a step is done and one before it is not even begun."""
    numbers = sorted(path[0] for path in recorded if len(path) == 1)
    done = [number for number in numbers if is_complete(recorded, (number,))]
    if done != list(range(1, len(done) + 1)):
        raise CheckpointError(f"the steps of run {run_id} have a gap: {done}")
