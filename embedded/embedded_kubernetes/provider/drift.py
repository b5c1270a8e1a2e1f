"""What a refresh finds: fields that the program wrote and that say something else now.

The API server keeps the books of who wrote which field (`managedFields`); they also tell which lists are
merged by keys, so that what a controller added beside the program's elements is no drift.
"""

import base64
import json
from collections.abc import Mapping
from typing import Any

from kubernetes.utils.quantity import parse_quantity

from embedded_aws.provider.values import Properties, same
from embedded_kubernetes.provider.connection import Object
from embedded_kubernetes.provider.manifests import state_of

Fields = Mapping[str, Any]
"""`fieldsV1`: `f:name` for a field, `k:{...}` for an element by its keys, `v:...` for one of a set."""

_QUANTITIES = {"limits", "requests", "capacity", "hard", "sizeLimit", "divisor"}
_CONTROLLERS = (
    "kube-",
    "kwok",
    "kubelet",
    "rollouts-controller",
    "keda",
    "agent-sandbox",
    "external-secrets",
)
"""Field managers whose fields no program declares."""


def drifted(inputs: Properties, live: Object) -> Properties:
    """The inputs that would give the object as it is: equal to `inputs` where nothing of theirs changed."""
    found = {
        name: _now(value, live.get(name), _all_fields(live).get(f"f:{name}", {}), quantity=False)
        for name, value in inputs.items()
        if name != "stringData"
    }
    if isinstance(strings := inputs.get("stringData"), dict):
        found["stringData"] = _plain_text(strings, live.get("data") or {})
    return {name: value for name, value in found.items() if value is not None}


def _now(old: Any, live: Any, fields: Fields, *, quantity: bool) -> Any:
    if isinstance(old, dict) and isinstance(live, dict):
        values = {
            k: _now(v, live.get(k), fields.get(f"f:{k}", {}), quantity=quantity or k in _QUANTITIES)
            for k, v in old.items()
        }
        return {k: v for k, v in values.items() if v is not None or old[k] is None}
    if isinstance(old, list) and isinstance(live, list):
        return _list_now(old, live, fields, quantity=quantity)
    if same(old, live) or (quantity and _same_quantity(old, live)):
        return old
    return live


def _list_now(old: list[Any], live: list[Any], fields: Fields, *, quantity: bool) -> list[Any]:
    keyed = {text: json.loads(text[2:]) for text in fields if text.startswith("k:")}
    if keyed:
        return _keyed_now(old, live, fields, keyed, quantity=quantity)
    if any(text.startswith("v:") for text in fields):  # a set: what others added is theirs
        return [value for value in old if value in live]
    if len(old) == len(live):
        return [_now(o, new, {}, quantity=quantity) for o, new in zip(old, live, strict=True)]
    return live


def _keyed_now(
    old: list[Any], live: list[Any], fields: Fields, keyed: Mapping[str, Properties], *, quantity: bool
) -> list[Any]:
    names = {name for keys in keyed.values() for name in keys}
    found: list[Any] = []
    for element in old:
        own = {name: element[name] for name in names if name in element}
        now = next((e for e in live if all(same(e.get(k), v) for k, v in own.items())), None)
        if now is not None:
            text = next((t for t, keys in keyed.items() if own.items() <= keys.items()), "")
            found.append(_now(element, now, fields.get(text, {}), quantity=quantity))
    return found


def _same_quantity(old: Any, live: Any) -> bool:
    try:
        return bool(parse_quantity(old) == parse_quantity(live))
    except (TypeError, ValueError):
        return False


def _plain_text(strings: Properties, data: Mapping[str, str]) -> Properties:
    """`stringData` is write-only: the server keeps it as base64 in `data`."""
    return {
        name: value
        if isinstance(value, str) and data[name] == base64.b64encode(value.encode()).decode()
        else base64.b64decode(data[name]).decode(errors="replace")
        for name, value in strings.items()
        if name in data
    }


def _all_fields(live: Object) -> Fields:
    return _merged([entry.get("fieldsV1", {}) for entry in live["metadata"].get("managedFields", [])])


def _merged(trees: list[Fields]) -> Fields:
    names = {name for tree in trees for name in tree}
    return {name: _merged([tree[name] for tree in trees if name in tree]) for name in names}


def imported(live: Object) -> Properties:
    """The inputs of an object that others made: what people and programs wrote of it, not controllers."""
    entries = [
        entry.get("fieldsV1", {})
        for entry in live["metadata"].get("managedFields", [])
        if not entry.get("subresource") and not entry.get("manager", "").startswith(_CONTROLLERS)
    ]
    state = {k: v for k, v in state_of(live).items() if k != "status"}
    if entries:
        state = _written(state, _merged(entries))
    metadata = {
        k: live["metadata"][k]
        for k in ("name", "namespace", "labels", "annotations")
        if live["metadata"].get(k)
    }
    written = state.get("metadata", {})
    kept = {k: written.get(k, v) if k in ("labels", "annotations") else v for k, v in metadata.items()}
    return {**state, "apiVersion": live["apiVersion"], "kind": live["kind"], "metadata": kept}


def _written(value: Any, fields: Fields) -> Any:
    inner = {name: tree for name, tree in fields.items() if name != "."}
    if not inner:
        return value
    if isinstance(value, dict):
        return {k: _written(v, inner[f"f:{k}"]) for k, v in value.items() if f"f:{k}" in inner}
    if isinstance(value, list):
        return [_element_written(e, inner) for e in value if _element_fields(e, inner) is not None]
    return value


def _element_written(element: Any, fields: Fields) -> Any:
    return _written(element, _element_fields(element, fields) or {})


def _element_fields(element: Any, fields: Fields) -> Fields | None:
    for text, tree in fields.items():
        if text.startswith("v:") and json.loads(text[2:]) == element:
            return {}
        if text.startswith("k:") and isinstance(element, dict):
            keys = json.loads(text[2:])
            if all(same(element.get(k), v) for k, v in keys.items()):
                return {**{f"f:{k}": {} for k in keys}, **tree}
    return None
