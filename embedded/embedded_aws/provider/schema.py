"""The properties of a Pulumi resource type, taken from the classes of the `pulumi_aws` SDK."""

import collections.abc
import importlib
import keyword
import types
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import pulumi
from pulumi import _types

from embedded_aws.provider.values import Unknown

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


@lru_cache(maxsize=512)
def schema_of(token: str) -> Schema:
    """Shape of `token` such as `aws:lambda/alias:Alias`. Raises LookupError for a type that the SDK lacks."""
    _, module, name = token.split(":")
    package = module.split("/")[0]
    package += "_" if keyword.iskeyword(package) else ""
    try:
        sdk = importlib.import_module(f"pulumi_aws.{package}")
        resource = getattr(sdk, name)
        # `BucketVersioningArgs` is the name of a nested type already: the resource's are `…InitArgs` there.
        arguments = getattr(sdk, f"{name}InitArgs", None) or getattr(sdk, f"{name}Args")
    except (ImportError, AttributeError) as error:
        raise LookupError(f"pulumi_aws has no resource type {token}") from error
    return Schema(_types.input_type_types(arguments), _types.resource_types(resource))


def nested(kind: Any) -> Mapping[str, Any]:
    """Properties of a nested object type; empty for maps and scalars."""
    kind = unwrap(kind)
    if isinstance(kind, type) and _types.is_input_type(kind):
        return _types.input_type_types(kind)
    if isinstance(kind, type) and _types.is_output_type(kind):
        return _types.output_type_types(kind)
    return {}


def item_of(kind: Any) -> Any:
    """Element type of a list or map type, else None."""
    arguments = typing.get_args(unwrap(kind))
    return arguments[-1] if arguments else None


def unwrap(kind: Any) -> Any:
    """`Input[T]` and `T | None` to T; the Args class of a nested object, not its TypedDict twin."""
    while typing.get_origin(kind) in (typing.Union, types.UnionType):
        members = [m for m in typing.get_args(kind) if m is not type(None)]
        classes = [m for m in members if isinstance(m, type) and _types.is_input_type(m)]
        kind = (classes or members)[0]
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
