"""Parallel steps: one announcement of how many there are, then each is committed on its own."""

import contextvars
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from agent_runtime.errors import StepLimitExceeded
from agent_runtime.positions import is_complete
from agent_runtime.progress import Progress
from agent_runtime.records import StepState
from agent_runtime.scopes import Scope, current_scope

MOST_CHILDREN: Final = 100
"""A worker that takes the run over claims each of them that is not done."""


def gather(
    progress: Progress, name: str, work: Callable[[Any], Any], items: Sequence[Any], at_once: int
) -> list[Any]:
    """`work(item)` as a step for each of `items`, at most `at_once` at a time; results in their order.

    All are ended before the first error, in the order of `items`, is raised. Raises `StepLimitExceeded`.
    """
    if len(items) > MOST_CHILDREN:
        raise StepLimitExceeded(
            f"gather {name!r} has {len(items)} items, and {MOST_CHILDREN} are allowed at once"
        )
    if not items:
        return []
    scope = progress.begin(name)
    path = scope.next_path
    recorded = progress.find(path)
    if recorded is not None and recorded.state is StepState.DONE and recorded.failed is not None:
        return progress.once(name, lambda _: None)  # raises as it did before
    was_complete = is_complete(progress.recorded, path)
    if recorded is None or recorded.children != len(items):
        progress.check()
        recorded = progress.write(
            lambda: progress.store.steps.claim(progress.lease, path, name, children=len(items))
        )
    progress.announced(recorded)

    def child(index: int) -> Any:
        current_scope.set(Scope(path, name, number=index))
        return progress.once(f"{name}[{index}]", lambda _: work(items[index]))

    with ThreadPoolExecutor(min(at_once, len(items)), thread_name_prefix="step") as pool:
        running = [pool.submit(contextvars.copy_context().run, child, index) for index in range(len(items))]
    errors = [error for future in running if (error := future.exception()) is not None]
    if errors:
        if isinstance(errors[0], Exception):
            scope.failure = (name, errors[0])
        raise errors[0]
    scope.number += 1
    progress.ended(path, is_replayed=was_complete)
    return [future.result() for future in running]
