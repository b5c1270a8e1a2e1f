"""All texts that a resource holds."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_DEEPEST = 40
"""Levels. No property of a provider nests deeper."""


def leaves(held: Any, path: str = "", name: str = "", depth: int = 0) -> Iterator[tuple[str, str, str]]:
    """Path, name and text of each; texts in lists have the list's name. Unknown values are passed over."""
    if isinstance(held, str):
        yield path, name, held
    elif depth < _DEEPEST and isinstance(held, Mapping):
        for key, value in held.items():
            yield from leaves(value, f"{path}.{key}" if path else str(key), str(key), depth + 1)
    elif depth < _DEEPEST and isinstance(held, list | tuple):
        for n, value in enumerate(held):
            yield from leaves(value, f"{path}[{n}]", name, depth + 1)


def snake(name: str) -> str:
    """`masterPassword` as `master_Password`, for patterns that know words by their underscores."""
    return _HUMP.sub("_", name)
