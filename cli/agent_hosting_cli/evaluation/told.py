"""Says what is wrong with a file of the user's: its path, the place in it, the value, what is allowed."""

from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

from pydantic import ValidationError

_LONGEST = 80


def mistakes(
    where: Path | str,
    error: ValidationError,
    known: Callable[[tuple[Any, ...]], Collection[str]] = lambda _: (),
    written: Callable[[tuple[Any, ...]], tuple[Any, ...]] = lambda place: place,
) -> str:
    """One line for each problem of `error`.

    `known` gives the fields that are allowed at a place; `written` leaves out of a place what pydantic tells
    alternatives apart by, which is no part of the file.
    """
    lines: list[str] = []
    for problem in error.errors(include_url=False):
        place = written(problem["loc"])
        said = problem["msg"].removeprefix("Value error, ")
        if problem["type"] == "extra_forbidden":
            fields = ", ".join(sorted(known(place[:-1])))
            said = f"no such field; known are {fields}" if fields else "no such field here"
        value = "" if problem["type"] == "missing" else f" is {short(problem['input'])}"
        lines.append(f"{where}: {'.'.join(map(str, place)) or 'the document'}{value}: {said}")
    return "\n".join(lines)


def short(value: object) -> str:
    """`repr` of a value, cut where it would fill the screen."""
    text = repr(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."
