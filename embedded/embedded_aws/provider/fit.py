"""Fits Pulumi properties to botocore's request shapes, and AWS's answers back to Pulumi properties.

Botocore's models carry the limits of each API (enumerations, ranges, patterns): what they refuse is
reported at preview, where AWS itself would refuse it only in the middle of an update.
"""

import re
import typing
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any

from botocore.model import ListShape, MapShape, Shape, StructureShape

from embedded_aws.provider.schema import item_of, nested, unwrap
from embedded_aws.provider.values import Unknown, has_unknown

Mistakes = list[tuple[str, str]]
_PAIRS = {"key": "value", "tagkey": "tagvalue", "name": "value"}


def member_for(shape: StructureShape, name: str, renames: Mapping[str, str]) -> str | None:
    """The member of `shape` that the Pulumi property `name` fills. A structure within may have a member of
    the very name that is renamed without."""
    wanted = renames.get(name, name)
    if wanted in shape.members:
        return wanted
    members = _members_by_lower(shape)
    return members.get(wanted.lower()) or members.get(name.lower())


def fit(value: Any, shape: Shape, path: str, renames: Mapping[str, str], found: Mistakes) -> Any:
    """`value` in the form of `shape`; what does not fit is added to `found` as (path, reason)."""
    if isinstance(value, Unknown):
        return value
    if isinstance(shape, StructureShape):
        return _fit_structure(value, shape, path, renames, found)
    if isinstance(shape, ListShape):
        if isinstance(value, dict) and is_pair_list(shape):
            key, pair_value = _pair_members(shape)
            return [{key: k, pair_value: v} for k, v in sorted(value.items())]
        items = value if isinstance(value, list) else [value]
        fitted = [
            fit(v, shape.member, f"{path}[{i}]" if isinstance(value, list) else path, renames, found)
            for i, v in enumerate(items)
        ]
        _check_size(len(items), "items", shape, path, found)
        return fitted
    if isinstance(shape, MapShape):
        if not isinstance(value, dict):
            found.append((path, f"must be an object, not {value!r}"))
            return value
        return {k: fit(v, shape.value, f"{path}.{k}", renames, found) for k, v in value.items()}
    return _fit_scalar(value, shape, path, found)


def _fit_structure(
    value: Any, shape: StructureShape, path: str, renames: Mapping[str, str], found: Mistakes
) -> Any:
    if not isinstance(value, dict):
        found.append((path, f"must be an object, not {value!r}"))
        return value
    fitted: dict[str, Any] = {}
    for key, item in value.items():
        member = member_for(shape, key, renames)
        where = f"{path}.{key}" if path else key
        if member is None:
            if path:
                found.append((where, f"AWS knows no such setting; known are: {', '.join(shape.members)}"))
        elif item is not None:
            fitted[member] = fit(item, shape.members[member], where, renames, found)
    found.extend(
        (f"{path}.{m}" if path else m, "is required")
        for m in shape.required_members
        if path and m not in fitted
    )
    return fitted


def _fit_scalar(value: Any, shape: Shape, path: str, found: Mistakes) -> Any:
    if shape.type_name in ("integer", "long") and isinstance(value, str) and value.lstrip("-").isdigit():
        value = int(value)
    if shape.type_name in ("float", "double") and isinstance(value, str):
        value = _number(value)
    if shape.type_name == "string" and isinstance(value, int | float) and not isinstance(value, bool):
        value = str(value)
    expected = {
        "string": str,
        "boolean": bool,
        "integer": int,
        "long": int,
        "float": (int, float),
        "double": (int, float),
    }
    allowed = expected.get(shape.type_name)
    if allowed and (
        not isinstance(value, allowed) or (shape.type_name != "boolean" and isinstance(value, bool))
    ):
        found.append((path, f"must be {shape.type_name}, not {value!r}"))
        return value
    if isinstance(value, str):
        enum = getattr(shape, "enum", None) or []
        if enum and value not in enum:
            found.append((path, f"must be one of {', '.join(enum)}; it is {value!r}"))
        _check_size(len(value), "characters", shape, path, found)
        pattern = _pattern(str(shape.metadata.get("pattern", "")))
        if pattern and not pattern.fullmatch(value):
            found.append((path, f"must match {pattern.pattern}; it is {value!r}"))
    elif isinstance(value, int | float) and not isinstance(value, bool):
        _check_size(value, "", shape, path, found)
    return value


def _number(text: str) -> float | str:
    """Pulumi holds some numbers as texts, so that none is told from zero."""
    try:
        return float(text)
    except ValueError:
        return text


def _check_size(size: float, unit: str, shape: Shape, path: str, found: Mistakes) -> None:
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    if low is not None and size < low:
        found.append(
            (path, f"must be at least {low} {unit}; it is {size}".replace("  ", " ").replace(" ;", ";"))
        )
    if high is not None and size > high:
        found.append(
            (path, f"must be at most {high} {unit}; it is {size}".replace("  ", " ").replace(" ;", ";"))
        )


def missing(params: Mapping[str, Any], shape: StructureShape) -> list[str]:
    """Required members of a request that nothing fills."""
    return [member for member in shape.required_members if member not in params]


def without_unknown(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: without_unknown(v) for k, v in value.items() if not isinstance(v, Unknown)}
    if isinstance(value, list):
        return [without_unknown(v) for v in value if not has_unknown(v)]
    return value


def unfit(value: Any, shape: Shape | None, kind: Any, renames: Mapping[str, str]) -> Any:
    """An AWS answer as the value of a Pulumi property of type `kind`."""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(shape, ListShape) and isinstance(value, list):
        if is_pair_list(shape) and typing.get_origin(unwrap(kind)) is Mapping:
            key, pair_value = _pair_members(shape)
            return {pair[key]: pair.get(pair_value, "") for pair in value}
        if nested(kind) and len(value) <= 1:  # Pulumi holds a block of at most one as the object itself
            return unfit(value[0], shape.member, kind, renames) if value else None
        return [unfit(item, shape.member, item_of(kind), renames) for item in value]
    if isinstance(shape, MapShape) and isinstance(value, dict):
        if typing.get_origin(unwrap(kind)) is not Mapping:
            return None  # Pulumi holds it in another form, which the row's `outputs` gives where it matters
        return {k: unfit(v, shape.value, item_of(kind), renames) for k, v in value.items()}
    if isinstance(shape, StructureShape) and isinstance(value, dict):
        return unfit_members(value, shape, nested(kind), renames)
    if unwrap(kind) is str and isinstance(value, float):
        return str(int(value) if value.is_integer() else value)
    return value


def unfit_members(
    value: Mapping[str, Any], shape: StructureShape, properties: Mapping[str, Any], renames: Mapping[str, str]
) -> dict[str, Any]:
    """The Pulumi properties among `properties` that the members of an AWS answer hold."""
    found: dict[str, Any] = {}
    for name, kind in properties.items():
        member = member_for(shape, name, renames)
        if member is not None and member in value:
            found[name] = unfit(value[member], shape.members[member], kind, renames)
    return found


def is_pair_list(shape: ListShape) -> bool:
    member = shape.member
    return (
        isinstance(member, StructureShape) and len(member.members) == 2 and _pair_members(shape) != ("", "")
    )


def _pair_members(shape: ListShape) -> tuple[str, str]:
    members = _members_by_lower(shape.member) if isinstance(shape.member, StructureShape) else {}
    for key, value in _PAIRS.items():
        if key in members and value in members:
            return members[key], members[value]
    return "", ""


@lru_cache(maxsize=4096)
def _lower(members: tuple[str, ...]) -> Mapping[str, str]:
    return {name.lower(): name for name in members}


def _members_by_lower(shape: StructureShape) -> Mapping[str, str]:
    return _lower(tuple(shape.members))


@lru_cache(maxsize=2048)
def _pattern(text: str) -> re.Pattern[str] | None:
    """Botocore's patterns are Java's; one that Python cannot read is left to AWS."""
    try:
        return re.compile(text) if text else None
    except re.error:
        return None
