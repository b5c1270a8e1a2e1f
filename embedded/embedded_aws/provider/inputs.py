"""What a program gave, beside what it gave before and what AWS holds: names, differences, drift."""

import re
from collections.abc import Mapping
from typing import Any

import pulumi
from pulumi.provider.experimental import provider as api

from embedded_aws.provider.rows import AnyRow, AutoName, Row
from embedded_aws.provider.schema import item_of, nested
from embedded_aws.provider.values import Properties, has_unknown, same

_AUTONAMED = re.compile(r"-[0-9a-f]{7}(\.fifo)?$")


def is_autonamed(name: object) -> bool:
    """Whether a name ends as `fill_name` ends them."""
    return bool(_AUTONAMED.search(str(name or "")))


def fill_name(name: AutoName | None, request: api.CheckRequest, inputs: Properties, old: Properties) -> None:
    if name is None or inputs.get(name.property) is not None:
        return
    fifo = ".fifo" if inputs.get("fifoQueue") or inputs.get("fifoTopic") else ""
    if name.property in old:
        inputs[name.property] = old[name.property]
    else:
        seed = request.random_seed.hex()[:7].ljust(7, "0")
        room = name.longest - len(seed) - len(fifo) - 1
        inputs[name.property] = f"{request.name[:room]}-{seed}{fifo}"


def changed_names(old: Properties, new: Properties) -> frozenset[str]:
    return frozenset(
        name
        for name in old.keys() | new.keys()
        if has_unknown(new.get(name)) or not same(old.get(name), new.get(name))
    )


def diff_kind(in_old: bool, in_new: bool, replaces: bool) -> api.PropertyDiffKind:
    kinds = api.PropertyDiffKind
    if not in_old:
        return kinds.ADD_REPLACE if replaces else kinds.ADD
    if not in_new:
        return kinds.DELETE_REPLACE if replaces else kinds.DELETE
    return kinds.UPDATE_REPLACE if replaces else kinds.UPDATE


def reconcile(old: Any, actual: Any, kind: Any) -> Any:
    """What the program would have to say to get `actual`: AWS's own defaults beside it are left out."""
    if same(old, actual) or isinstance(old, pulumi.Archive | pulumi.Asset):
        return old
    if (
        isinstance(old, list)
        and isinstance(actual, list)
        and sorted(map(repr, old)) == sorted(map(repr, actual))
    ):
        return old
    if isinstance(old, list) and isinstance(actual, list) and len(old) == len(actual):
        return [reconcile(o, a, item_of(kind)) for o, a in zip(old, actual, strict=True)]
    if isinstance(old, dict) and isinstance(actual, dict) and nested(kind):
        return {k: reconcile(v, actual.get(k), nested(kind).get(k)) for k, v in old.items()}
    return actual


def imported(found: Properties, known: Mapping[str, Any], row: AnyRow) -> Properties:
    defaults = row.defaults if isinstance(row, Row) else {}
    left_out = {"region", "tagsAll"}
    return {
        k: v
        for k, v in found.items()
        if k in known and k not in left_out and v not in (None, "", [], {}) and v != defaults.get(k)
    }
