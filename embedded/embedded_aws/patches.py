"""Puts our own functions in the place of moto's, and back again."""

from collections.abc import Callable, Sequence
from typing import Any


def replace(replaced: Sequence[tuple[Any, str, Any]]) -> Callable[[], None]:
    """Sets each (owner, attribute, ours); call the result to set what was there before."""
    before = [(owner, name, getattr(owner, name)) for owner, name, _ in replaced]
    for owner, name, ours in replaced:
        setattr(owner, name, ours)

    def undo() -> None:
        for owner, name, original in before:
            setattr(owner, name, original)

    return undo
