"""Puts our own functions in the place of moto's, and back again."""

from collections.abc import Callable, Sequence
from typing import Any

Replacement = tuple[Any, str, Any]
"""Owner, name of the attribute, ours."""
_ABSENT = object()


def replace(replaced: Sequence[Replacement]) -> Callable[[], None]:
    """Sets each attribute, also one that moto lacks; call the result to set what was there before."""
    before = [(owner, name, getattr(owner, name, _ABSENT)) for owner, name, _ in replaced]
    for owner, name, ours in replaced:
        setattr(owner, name, ours)

    def undo() -> None:
        for owner, name, original in before:
            if original is _ABSENT:
                delattr(owner, name)
            else:
                setattr(owner, name, original)

    return undo
