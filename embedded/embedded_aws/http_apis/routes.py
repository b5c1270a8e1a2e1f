"""Chooses the route of a request.

A full match of route and method, then a greedy path variable, then `$default`; of several, the most specific:
https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-routes.html
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

DEFAULT = "$default"
_EXACT, _VARIABLE, _GREEDY = 0, 1, 2


@dataclass(frozen=True)
class Match:
    key: str
    parameters: dict[str, str] = field(default_factory=dict[str, str])


def choose(keys: Iterable[str], method: str, path: str) -> Match | None:
    """The most specific of the route `keys` that takes `method` and `path`."""
    best: tuple[tuple[bool, list[int], bool], Match] | None = None
    segments = _segments(path)
    for key in keys:
        if key == DEFAULT:
            continue
        wanted, _, template = key.partition(" ")
        if wanted not in ("ANY", method):
            continue
        parameters = _matched(_segments(template), segments)
        if parameters is None:
            continue
        kinds = [_kind(segment) for segment in _segments(template)]
        rank = (_GREEDY in kinds, kinds, wanted == "ANY")
        if best is None or rank < best[0]:
            best = rank, Match(key, parameters)
    if best is not None:
        return best[1]
    return Match(DEFAULT) if DEFAULT in set(keys) else None


def _segments(path: str) -> list[str]:
    return path.removeprefix("/").split("/")


def _kind(segment: str) -> int:
    if not (segment.startswith("{") and segment.endswith("}")):
        return _EXACT
    return _GREEDY if segment.endswith("+}") else _VARIABLE


def _matched(template: list[str], segments: list[str]) -> dict[str, str] | None:
    parameters: dict[str, str] = {}
    for index, part in enumerate(template):
        kind = _kind(part)
        rest = "/".join(segments[index:])
        if not rest:
            # A variable needs something to hold; only the root matches the empty path.
            return parameters if part == "" and len(segments) == len(template) else None
        if kind == _GREEDY:
            parameters[part[1:-2]] = rest
            return parameters
        if kind == _VARIABLE and segments[index]:
            parameters[part[1:-1]] = segments[index]
        elif part != segments[index]:
            return None
    return parameters if len(segments) == len(template) else None
