"""Tells what a long step waits for: a spinner with seconds in a terminal, plain lines in a log.

On standard error, so that what a command prints can be piped.
"""

import time
from collections.abc import Generator
from contextlib import contextmanager

from rich.console import Console

console = Console(highlight=False, soft_wrap=True)
errors = Console(stderr=True, highlight=False, soft_wrap=True)


class Step:
    """One numbered step; `say` changes what it waits for."""

    def __init__(self, title: str) -> None:
        self._title, self._began = title, time.monotonic()
        self._status = errors.status(title) if errors.is_terminal else None

    def say(self, text: str) -> None:
        if self._status is not None:
            self._status.update(f"{self._title}: {text} [dim]({self.seconds:.0f} s)[/dim]")
        else:
            errors.print(f"      {text}", markup=False)

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._began


@contextmanager
def step(title: str) -> Generator[Step]:
    """Shows `title` while the block runs, and how long it took once it is done."""
    current = Step(title)
    if current._status is None:
        errors.print(f"... {title}", markup=False)
        yield current
    else:
        with current._status:
            yield current
    errors.print(f"[green]ok[/green]  {title} [dim]({current.seconds:.1f} s)[/dim]")
