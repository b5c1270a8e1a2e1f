"""What AgentPlatform's control table is told of an agent, by items of JSON in the stack: the manifest of each
release under its bundle id, and the plan of its rollout. docs/decisions/0019 has why they are read."""

import json
from collections.abc import Iterator
from typing import Any

from ..framework.index import StackIndex
from ..framework.resource import Resource
from ..framework.values import UNKNOWN, NotKnown, View

TABLE_ITEM = "aws:dynamodb/tableItem:TableItem"
_MANIFEST, _PLAN = "manifest#", "plan"


def plan_in(item: Resource) -> View | None:
    """The rollout plan that the item holds, None where it holds something else. Raises `NotKnown` where only
    its name tells what it will hold."""
    if item.props.get("item") is UNKNOWN and item.name.endswith(f"-{_PLAN}"):
        raise NotKnown("item")
    return next((View(held, "item.document") for name, held in _held(item) if name == _PLAN), None)


def manifests(stack: StackIndex) -> dict[str, View]:
    """Manifests by bundle id."""
    return stack.once(_manifests)


def _manifests(stack: StackIndex) -> dict[str, View]:
    return {
        name.removeprefix(_MANIFEST): View(held, f"{item.name}.item.document")
        for item in stack.of(TABLE_ITEM)
        for name, held in _held(item)
        if name.startswith(_MANIFEST)
    }


def _held(item: Resource) -> Iterator[tuple[str, dict[str, Any]]]:
    """Name and document of an item that is written as the control table's are."""
    text = item.props.get("item")
    if text is UNKNOWN or not isinstance(text, str) or '"document"' not in text:
        return
    try:
        held = json.loads(text)
        name, document = held["item"]["S"], json.loads(held["document"]["S"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return  # somebody else's item
    if isinstance(name, str) and isinstance(document, dict):
        yield name, document
