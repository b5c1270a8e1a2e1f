"""Whether a run goes in circles: pure, over the calls of tools that it has made.

A call that reads says something new if its tool has not answered so before; one that acts, if it was not made
with these arguments before: ten different mails may all be answered with "sent". Calls made at once, by
`run.gather`, are one turn, so that a hundred lookups with the same answer are no loop.
"""

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from threading import Lock
from typing import Final, NamedTuple

from agent_runtime.guard_spec import GuardSpec
from agent_runtime.records import Path

WINDOW: Final = 200
"""Turns that are looked back over: four times the longest that a manifest may name."""


class Call(NamedTuple):
    """One call of a tool."""

    tool: str
    arguments: str
    """Hash of the arguments."""
    answer: str
    """Hash of the answer, or the class of the error."""
    acts: bool
    """Whether it changed something outside."""
    refused: bool = False
    """Whether it was not made at all."""

    @property
    def deed(self) -> tuple[str, str, str]:
        """What makes two calls the same. An act is the same whatever it answers, since receipts differ."""
        return (self.tool, self.arguments, "" if self.acts else self.answer)

    @property
    def news(self) -> tuple[str, str]:
        """What makes a call say something new. Of refusals one says all, whatever name the model made up."""
        if self.refused:
            return ("", self.answer)
        return (self.tool, self.arguments if self.acts else self.answer)


Turn = frozenset[Call]
"""Calls that were made at once; mostly one."""


def circling(turns: Sequence[Turn], guards: GuardSpec) -> str | None:
    """Why the run is taken to go in circles, in words without any argument, or None."""
    deeds = [frozenset(call.deed for call in turn) for turn in turns]
    tools = ", ".join(sorted({repr(call.tool) for call in turns[-1]})) if turns else ""
    if (most := guards.same_call) and len(deeds) >= most and len(set(deeds[-most:])) == 1:
        return f"the same call of {tools} was made {most} times in a row"
    if (most := guards.alternating) and len(deeds) >= most and _alternates(deeds[-most:]):
        return f"the same two calls, the last one of {tools}, took turns {most} times"
    if (most := guards.no_news) and _without_news(turns) >= most:
        return f"{most} calls of tools in a row, the last one of {tools}, brought nothing new"
    return None


def _alternates(deeds: Sequence[object]) -> bool:
    return deeds[0] != deeds[1] and all(deeds[n] == deeds[n - 2] for n in range(2, len(deeds)))


def _without_news(turns: Iterable[Turn]) -> int:
    """How many turns at the end said only what was said before."""
    known: set[tuple[str, str]] = set()
    count = 0
    for turn in turns:
        said = {call.news for call in turn}
        count = count + 1 if said <= known else 0
        known |= said
    return count


def rows(path: Path, is_parallel: Callable[[Path], bool]) -> list[tuple[Path, Path]]:
    """The rows of calls that the one at `path` stands in, each with its place there: its own branch of the
    parallel steps around it, and what goes on around those, in which all branches are one turn."""
    found: list[tuple[Path, Path]] = []
    row: Path = ()
    for length in range(1, len(path)):
        if is_parallel(path[:length]):
            found.append((row, path[:length]))
            row = path[: length + 1]
    return [*found, (row, path)]


class _Row:
    """Turns that follow one another, the last of them still open."""

    def __init__(self) -> None:
        self.turns: deque[Turn] = deque(maxlen=WINDOW)
        self.place: Path = ()
        self.calls: set[Call] = set()

    def move_to(self, place: Path) -> bool:
        """Whether a new turn begins at `place`."""
        if place == self.place:
            return False
        if self.calls:
            self.turns.append(frozenset(self.calls))
        self.place, self.calls = place, set()
        return True


class Watch:
    """The calls of one run, from any thread. A step that is tried again makes its calls again: each counts
    once, by its path."""

    def __init__(self, guards: GuardSpec) -> None:
        self._guards = guards
        self._rows: dict[Path, _Row] = {}
        self._noted: set[Path] = set()
        self._lock = Lock()

    def before(self, path: Path, places: Iterable[tuple[Path, Path]]) -> str | None:
        """Why no call may begin at `path`, which stands in the rows `places`."""
        with self._lock:
            if path in self._noted:
                return None
            for name, place in places:
                row = self._rows.setdefault(name, _Row())
                if row.move_to(place) and (reason := circling(tuple(row.turns), self._guards)):
                    return reason
        return None

    def after(self, path: Path, places: Iterable[tuple[Path, Path]], call: Call) -> None:
        """Note a call that was made."""
        with self._lock:
            if path not in self._noted:
                self._noted.add(path)
                for name, _ in places:
                    self._rows.setdefault(name, _Row()).calls.add(call)

    def forget(self) -> None:
        """Begin anew: a person let the run go on, or it has waited for something outside."""
        with self._lock:
            self._rows.clear()
