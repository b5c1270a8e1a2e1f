"""The query protocol's flat form, back to nested parameters.

https://smithy.io/2.0/aws/protocols/aws-query-protocol.html
"""

from collections.abc import Mapping
from typing import Any, cast

from botocore.model import ListShape, MapShape, Shape, StructureShape


def decode(form: Mapping[str, str], shape: Shape | None) -> dict[str, Any]:
    """Members that the model does not know are left out."""
    value = _value(form, shape, "") if isinstance(shape, StructureShape) else None
    return cast("dict[str, Any]", value or {})


def _value(form: Mapping[str, str], shape: Shape, name: str) -> Any:
    if isinstance(shape, StructureShape):
        return _structure(form, shape, name)
    if isinstance(shape, ListShape):
        return _list(form, shape, name)
    if isinstance(shape, MapShape):
        return _map(form, shape, name)
    return form.get(name)


def _structure(form: Mapping[str, str], shape: StructureShape, name: str) -> dict[str, Any]:
    prefix = f"{name}." if name else ""
    found: dict[str, Any] = {}
    for member, inner in shape.members.items():
        key = prefix + str(inner.serialization.get("name", member))
        if _present(form, key):
            found[member] = _value(form, inner, key)
    return found


def _list(form: Mapping[str, str], shape: ListShape, name: str) -> list[Any]:
    inner: Shape = shape.member
    own = inner.serialization.get("name")
    if not shape.serialization.get("flattened"):
        name = f"{name}.{own or 'member'}"
    elif own:
        name = ".".join([*name.split(".")[:-1], own])
    values: list[Any] = []
    while _present(form, key := f"{name}.{len(values) + 1}"):
        values.append(_value(form, inner, key))
    return values


def _map(form: Mapping[str, str], shape: MapShape, name: str) -> dict[str, Any]:
    if not shape.serialization.get("flattened"):
        name = f"{name}.entry"
    key_name = str(shape.key.serialization.get("name", "key"))
    value_name = str(shape.value.serialization.get("name", "value"))
    found: dict[str, Any] = {}
    index = 1
    while (key := form.get(f"{name}.{index}.{key_name}")) is not None:
        found[key] = _value(form, shape.value, f"{name}.{index}.{value_name}")
        index += 1
    return found


def _present(form: Mapping[str, str], key: str) -> bool:
    return key in form or any(given.startswith(f"{key}.") for given in form)
