"""What can be turned bad in a resource: its properties, those in documents of JSON text, and itself."""

import copy
import fnmatch
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from policies.framework.resource import Resource

Path = tuple[str | int, ...]
_CIDR = re.compile(r"\d+\.\d+\.\d+\.\d+/\d+")
_EVERYWHERE = "0.0.0.0/0"
_STARRED = ("Action", "Resource", "AWS", "aws:SourceArn", "aws:PrincipalArn", "principal", "sourceArn")
_TEXT = object()
"""In a path: what is above it is a document as JSON text."""


@dataclass(frozen=True, order=True)
class Kind:
    """Flips that are alike: of one property of one type."""

    type: str
    path: str
    flip: str


@dataclass(frozen=True, eq=False)
class Flip:
    kind: Kind
    resource: Resource
    """As it is without the flip."""
    changed: Resource | None
    """With it; None where the resource is gone."""


def flips(resource: Resource, patterns: tuple[str, ...], guards: bool) -> Iterator[Flip]:
    """Every flip of the properties that match a pattern, and the resource's own end where it guards."""
    if guards:
        yield Flip(Kind(resource.type, "", "gone"), resource, None)
    for at, name, value in _nodes(resource.props, (), ""):
        if not any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns):
            continue
        denies = _denies(resource.props, at)
        for flip, changed in _ways(at, value, denies):
            props = _put(resource.props, at, changed)
            yield Flip(Kind(resource.type, name, flip), resource, replace(resource, props=props))


_GONE = object()


def _denies(props: Any, at: tuple[Any, ...]) -> bool:
    """Whether the path leads into a statement that denies."""
    for part in at:
        if isinstance(props, Mapping) and props.get("Effect") == "Deny":
            return True
        props = json.loads(props) if part is _TEXT else props[part]
    return False


def _may_be_star(at: tuple[Any, ...], denies: bool) -> bool:
    """Whether AWS takes a star there, and it opens something: a denial of more does not."""
    return (_TEXT in at or len(at) == 1) and ("Condition" in at or not denies)


def _ways(at: tuple[Any, ...], value: Any, denies: bool) -> Iterator[tuple[str, Any]]:
    last = next((part for part in reversed(at) if isinstance(part, str)), "")
    if isinstance(value, Mapping) and value.get("Effect") in ("Allow", "Deny"):
        if value["Effect"] == "Deny":
            yield "removed", _GONE
        return
    if last == "Effect":
        if value == "Deny":  # the other way takes a right away
            yield "allowed", "Allow"
        return
    if not isinstance(at[-1], int):
        yield "removed", _GONE
    if isinstance(value, bool):
        yield "inverted", not value
    elif isinstance(value, int | float):
        yield "zero", 0
        yield "huge", 10**9
    elif isinstance(value, str):
        if _CIDR.fullmatch(value) and value != _EVERYWHERE:
            yield "everywhere", _EVERYWHERE
        elif value != "*" and last in _STARRED and _may_be_star(at, denies):
            yield "star", "*"


def _nodes(held: Any, at: tuple[Any, ...], name: str) -> Iterator[tuple[tuple[Any, ...], str, Any]]:
    """(path, its pattern, value) of everything below `held`. Lists are one: `Statement[]`."""
    if at:
        yield at, name, held
    if isinstance(held, str) and held[:1] in ("{", "[") and (read := _json(held)) is not None:
        held, at = read, (*at, _TEXT)
    if isinstance(held, Mapping):
        for key, value in held.items():
            yield from _nodes(value, (*at, key), f"{name}.{key}".lstrip("."))
    elif isinstance(held, list):
        for n, value in enumerate(held):
            yield from _nodes(value, (*at, n), f"{name}[]")


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


def _put(held: Any, at: tuple[Any, ...], value: Any) -> Any:
    """A copy of `held` with the value there."""
    if not at:
        return value
    if at[0] is _TEXT:
        return json.dumps(_put(json.loads(held), at[1:], value))
    fresh = copy.copy(held)
    if at[1:]:
        fresh[at[0]] = _put(held[at[0]], at[1:], value)
    elif value is _GONE:
        del fresh[at[0]]
    else:
        fresh[at[0]] = value
    return fresh
