"""Pulumi's values as Terraform's plan tells them: the known ones, which are unknown, which are sensitive."""

import json
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from agent_hosting_cli.terraform import names, shapes
from agent_hosting_cli.terraform.shapes import Shape
from agent_hosting_cli.terraform.states import UNKNOWN, Described, asset, is_secret

SENSITIVE: Final = "(sensitive value)"
"""In place of a secret: the file holds none."""
Refer = Callable[[str, Any], list[str]]
"""The references behind a value of a property, by its name in Terraform; none for a value that is told."""


class Told(NamedTuple):
    """One value. `unknown` and `sensitive` have its form, with `True` where that holds."""

    value: Any
    unknown: Any = False
    sensitive: Any = False
    references: Any = None


def told(described: Described, token: str, kind: str, refer: Callable[[str], Refer]) -> Told:
    """All properties of a resource; `refer` gives, by Pulumi's property, who knows its references."""
    fields: dict[str, Told] = {}
    for key, value in described.properties.items():
        shape = shapes.of_resource(token).get(key, shapes.UNTOLD)
        name = _name(kind, key, shape, value)
        secret = key in described.secrets and value not in (None, UNKNOWN)
        fields[name] = (
            Told(SENSITIVE, sensitive=True) if secret else _told(value, shape, kind, name, refer(key))
        )
    return _together(fields)


def manifest(described: Described, refer: Callable[[str], Refer]) -> Told:
    """A Kubernetes object as it is."""
    properties = {key: value for key, value in described.inputs.items() if not key.startswith("__")}
    fields = {
        key: _told(value, shapes.UNTOLD, "", key, refer(key), as_is=True) for key, value in properties.items()
    }
    return _together({"manifest": _together(fields)})


def _name(kind: str, key: str, shape: Shape, value: Any) -> str:
    is_list = shape.many if shape != shapes.UNTOLD else isinstance(value, list)
    holds_objects = shape.held is not None or (
        shape == shapes.UNTOLD and is_list and any(isinstance(one, Mapping) for one in value)
    )
    return names.property_of(kind, key, blocks=is_list and holds_objects)


def _told(value: Any, shape: Shape, kind: str, name: str, refer: Refer, *, as_is: bool = False) -> Told:
    if value == UNKNOWN:
        return Told(None, unknown=True, references=refer(name, value))
    if is_secret(value):
        return Told(SENSITIVE, sensitive=True, references=refer(name, value))
    if (place := asset(value)) is not None:
        return Told(place)
    if isinstance(value, list):
        one = Shape(held=shape.held)
        return _listed([_element(item, one, kind, name, refer, as_is=as_is) for item in value])
    if not isinstance(value, Mapping):
        return Told(value, references=refer(name, value))
    if shape.text:
        return _document(value, name, refer)
    element = _element(value, shape, kind, name, refer, as_is=as_is)
    return _listed([element]) if shape.held is not None else element


def _element(value: Any, shape: Shape, kind: str, name: str, refer: Refer, *, as_is: bool) -> Told:
    """A value that no list is put around."""
    if not isinstance(value, Mapping) or is_secret(value) or asset(value) is not None:
        return _told(value, shape, kind, name, refer, as_is=as_is)
    fields: dict[str, Told] = {}
    known = {} if shape.held is None else shapes.of_object(shape.held)
    for key, held in value.items():
        if key.startswith("__"):
            continue
        its = known.get(key, shapes.UNTOLD)
        inner = key if shape.held is None else _name(kind, key, its, held)
        fields[inner] = _told(held, its, kind, inner, refer, as_is=as_is)
    return _together(fields, block=shape.held is not None or as_is)


def _document(value: Mapping[str, Any], name: str, refer: Refer) -> Told:
    """What Terraform has as JSON text."""
    inner = _element(value, shapes.UNTOLD, "", name, refer, as_is=True)
    if _any(inner.sensitive):
        return Told(SENSITIVE, sensitive=True, references=_flat(inner.references))
    if _any(inner.unknown):
        return Told(None, unknown=True, references=_flat(inner.references))
    return Told(json.dumps(inner.value), references=_flat(inner.references))


def _together(fields: Mapping[str, Told], *, block: bool = True) -> Told:
    """An object. References stay at the fields of a block, and come together for a map."""
    references = {key: one.references for key, one in fields.items() if one.references}
    return Told(
        {key: one.value for key, one in fields.items() if one.unknown is not True},
        {key: one.unknown for key, one in fields.items() if one.unknown not in (False, {}, [])},
        {key: one.sensitive for key, one in fields.items() if one.sensitive not in (False, {}, [])},
        (references if block else _flat(references)) or None,
    )


def _listed(items: list[Told]) -> Told:
    many: list[Any] = [one.references for one in items]
    blocks = any(isinstance(one, dict) for one in many)
    return Told(
        [one.value for one in items],
        [one.unknown for one in items] if any(_any(one.unknown) for one in items) else False,
        [one.sensitive for one in items] if any(_any(one.sensitive) for one in items) else False,
        ([one or {} for one in many] if blocks else _flat(many)) or None,
    )


def _any(marks: Any) -> bool:
    if isinstance(marks, dict | list):
        inner = marks.values() if isinstance(marks, dict) else marks
        return any(_any(one) for one in inner)
    return bool(marks)


def _flat(references: Any) -> list[str]:
    """All references in a tree, each once."""
    if references is None or isinstance(references, str):
        return [references] if references else []
    inner = references.values() if isinstance(references, dict) else references
    return list(dict.fromkeys(text for one in inner for text in _flat(one)))
