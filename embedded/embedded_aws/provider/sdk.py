"""What the classes of the `pulumi_aws` SDK say of a resource type, in a form that a file can hold."""

import collections.abc
import importlib
import keyword
import types
import typing
from typing import Any

import pulumi
from pulumi import _types

Told = Any
"""A type as JSON: a word of `WORDS`, or ["list", item], ["map", item], ["object", name], ["either", choices]:
the first choice counts."""
WORDS: dict[str, Any] = {
    "string": str,
    "boolean": bool,
    "integer": int,
    "number": float,
    "any": Any,
    "archive": pulumi.Archive,
    "asset": pulumi.Asset,
    "other": object,
}
_BY_TYPE = {kind: word for word, kind in WORDS.items()}
_SCALARS = (str, bool, int, float)


def description(token: str) -> dict[str, Any]:
    """The inputs and outputs of `token`, and the properties of all objects within, by name. Imports the
    package of its service, which takes up to seconds. Raises LookupError for a type that the SDK lacks."""
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
    objects: dict[str, dict[str, Told]] = {}
    inputs, outputs = _types.input_type_types(arguments), _types.resource_types(resource)
    return {
        "inputs": {name: _told(kind, objects) for name, kind in inputs.items()},
        "outputs": {name: _told(kind, objects) for name, kind in outputs.items()},
        "objects": objects,
    }


def _told(kind: Any, objects: dict[str, dict[str, Told]]) -> Told:
    """`Input[T]` and `T | None` as T; the Args class of a nested object, not its TypedDict twin. A policy may
    be a text or an object: of a union the scalar members are kept beside the one that counts."""
    members = [kind]
    while typing.get_origin(kind) in (typing.Union, types.UnionType):
        members = [m for m in typing.get_args(kind) if m is not type(None)]
        kind = next((m for m in members if isinstance(m, type) and _types.is_input_type(m)), members[0])
    main = _told_of_one(kind, objects)
    others = [_BY_TYPE[m] for m in members if m in _SCALARS and m is not kind]
    return ["either", [main, *others]] if others else main


def _told_of_one(kind: Any, objects: dict[str, dict[str, Told]]) -> Told:
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (collections.abc.Sequence, list):
        return ["list", _told(arguments[-1], objects)]
    if origin in (collections.abc.Mapping, dict):
        return ["map", _told(arguments[-1], objects)]
    if isinstance(kind, type) and (_types.is_input_type(kind) or _types.is_output_type(kind)):
        name = f"{kind.__module__}.{kind.__qualname__}"
        if name not in objects:
            objects[name] = {}  # one that holds itself finds this
            is_input = _types.is_input_type(kind)
            known = _types.input_type_types(kind) if is_input else _types.output_type_types(kind)
            objects[name].update({key: _told(held, objects) for key, held in known.items()})
        return ["object", name]
    return _BY_TYPE.get(kind, "other")
