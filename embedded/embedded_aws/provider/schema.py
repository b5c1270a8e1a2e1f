"""The properties of a Pulumi resource type, taken from the classes of the `pulumi_aws` SDK."""

import collections.abc
import contextlib
import json
import types
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.metadata import version
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

import pulumi

from embedded_aws.provider import sdk
from embedded_aws.provider.values import Unknown
from embedded_aws.toolchain.cache import cache_folder, digest

_SCALARS: dict[type, tuple[str, tuple[type, ...]]] = {
    str: ("a string", (str,)),
    bool: ("true or false", (bool,)),
    int: ("a whole number", (int,)),
    float: ("a number", (int, float)),
}


@dataclass(frozen=True)
class Schema:
    inputs: Mapping[str, Any]
    outputs: Mapping[str, Any]


class _Object:
    """What is derived from this stands for a type of nested objects."""

    properties: Mapping[str, Any]


@lru_cache(maxsize=512)
def schema_of(token: str) -> Schema:
    """Shape of `token` such as `aws:lambda/alias:Alias`. Raises LookupError for a type that the SDK lacks.

    It is kept in a file: the classes take seconds to import, and are the same until the SDK is another.
    """
    file = cache_folder() / _name() / f"{token.replace(':', '-').replace('/', '-')}.json"
    try:
        return _schema(json.loads(file.read_text()))
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        told = sdk.description(token)  # nothing is kept yet, or something else overwrote it
    with contextlib.suppress(OSError):
        _keep(file, json.dumps(told))
    return _schema(told)


@cache
def _name() -> str:
    """Of the folder: another for another SDK, and where another form of the files is written."""
    versions = "-".join(version(package) for package in ("pulumi", "pulumi-aws"))
    return f"schemas-{versions}-{digest(Path(sdk.__file__))}"


def _keep(file: Path, text: str) -> None:
    """Whoever reads or writes it at the same time finds one of the two as a whole."""
    file.parent.mkdir(exist_ok=True)
    with NamedTemporaryFile("w", dir=file.parent, prefix=".", delete=False) as partial:
        partial.write(text)
    Path(partial.name).replace(file)


def _schema(told: Mapping[str, Any]) -> Schema:
    objects = {name: type(name.rpartition(".")[2], (_Object,), {}) for name in told["objects"]}
    for name, made in objects.items():
        made.properties = {key: _kind(held, objects) for key, held in told["objects"][name].items()}
    inputs, outputs = (
        {name: _kind(held, objects) for name, held in told[side].items()} for side in ("inputs", "outputs")
    )
    return Schema(inputs, outputs)


def _kind(told: sdk.Told, objects: Mapping[str, type[_Object]]) -> Any:
    if isinstance(told, str):
        return sdk.WORDS[told]
    form, held = told
    if form == "object":
        return objects[held]
    if form == "either":
        return typing.Union[tuple(_kind(choice, objects) for choice in held)]  # noqa: UP007 - of a list
    item = _kind(held, objects)
    return collections.abc.Sequence[item] if form == "list" else collections.abc.Mapping[str, item]


def nested(kind: Any) -> Mapping[str, Any]:
    """Properties of a nested object type; empty for maps and scalars."""
    kind = unwrap(kind)
    return kind.properties if isinstance(kind, type) and issubclass(kind, _Object) else {}


def item_of(kind: Any) -> Any:
    """Element type of a list or map type, else None."""
    arguments = typing.get_args(unwrap(kind))
    return arguments[-1] if arguments else None


def unwrap(kind: Any) -> Any:
    """Of a union the member that counts."""
    while typing.get_origin(kind) in (typing.Union, types.UnionType):
        kind = next(member for member in typing.get_args(kind) if member is not type(None))
    return kind


def mistakes(value: Any, kind: Any, path: str) -> Iterator[tuple[str, str]]:
    """(property path, reason) for all in `value` that `kind` does not allow."""
    if any(not [*mistakes(value, choice, path)] for choice in _other_choices(kind)):
        return
    kind = unwrap(kind)
    origin = typing.get_origin(kind)
    if value is None or isinstance(value, Unknown) or kind is Any:
        return
    if kind in _SCALARS:
        words, allowed = _SCALARS[kind]
        if not isinstance(value, allowed) or (kind is not bool and isinstance(value, bool)):
            yield path, f"must be {words}, not {value!r}"
    elif kind in (pulumi.Archive, pulumi.Asset) or (origin is None and not nested(kind)):
        return
    elif origin in (collections.abc.Sequence, list):
        if not isinstance(value, list):
            yield path, f"must be a list, not {value!r}"
            return
        for index, item in enumerate(value):
            yield from mistakes(item, item_of(kind), f"{path}[{index}]")
    elif not isinstance(value, dict):
        yield path, f"must be an object, not {value!r}"
    elif origin in (collections.abc.Mapping, dict):
        for key, item in value.items():
            yield from mistakes(item, item_of(kind), f"{path}.{key}")
    else:
        yield from unknown_properties(value, nested(kind), path)
        for key, item in value.items():
            if key in nested(kind):
                yield from mistakes(item, nested(kind)[key], f"{path}.{key}")


def _other_choices(kind: Any) -> list[Any]:
    """Members of a union beside the one that `unwrap` takes: a policy may be a text or an object."""
    if typing.get_origin(kind) not in (typing.Union, types.UnionType):
        return []
    return [m for m in typing.get_args(kind) if m in _SCALARS and m is not unwrap(kind)]


def unknown_properties(
    value: Mapping[str, Any], known: Mapping[str, Any], path: str
) -> Iterator[tuple[str, str]]:
    for key in value:
        if key not in known:
            yield f"{path}.{key}" if path else key, f"unknown property; known are: {', '.join(sorted(known))}"
