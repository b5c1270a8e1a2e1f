"""Which agent a resource belongs to where its own tag does not tell, and which tags its provider adds."""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from ..framework.index import StackIndex
from ..framework.resource import Resource
from ..framework.values import UNKNOWN, Malformed, NotKnown, View
from ._containers import TASK
from ._functions import FUNCTION
from ._roles import ROLE

_ROOT, _PROVIDER = "pulumi:pulumi:Stack", "pulumi:providers:aws"
_RUNS_AS = {FUNCTION: "role", TASK: "taskRoleArn"}


def owner(resource: Resource, stack: StackIndex) -> str:
    """The agent of the component that the resource is part of, or of the one program that takes the role; ""
    where there is none, or several share it."""
    agents = stack.once(_agents_by_urn)
    for urn in (resource.urn, *_ancestors(resource, stack)):
        if found := agents.get(urn):
            return next(iter(found)) if len(found) == 1 else ""
    return ""


def default_tags(stack: StackIndex) -> Mapping[str, Any]:
    """Tags that every AWS provider of the stack adds: a resource does not tell which one is its own."""
    return stack.once(_default_tags)


def _agents_by_urn(stack: StackIndex) -> Mapping[str, set[str]]:
    """Agents by the URN of each component that holds something of theirs, and of each role."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for resource in stack.resources:
        if not resource.type.startswith("aws:"):
            continue
        try:
            agent = resource.tag("agent")
        except (NotKnown, Malformed):
            continue  # told where that resource itself is judged
        if not agent:
            continue
        for urn in _ancestors(resource, stack):
            found[urn].add(agent)
        if key := _RUNS_AS.get(resource.type):
            for role in stack.referred(resource, key, ROLE):
                found[role.urn].add(agent)
    return found


def _ancestors(resource: Resource, stack: StackIndex) -> Iterator[str]:
    """From the nearest on, without the stack itself."""
    seen = {resource.urn}
    while resource.parent and resource.parent not in seen:
        parent = stack.by_urn.get(resource.parent)
        if parent is None or parent.type == _ROOT:
            return
        yield parent.urn
        seen.add(parent.urn)
        resource = parent


def _default_tags(stack: StackIndex) -> Mapping[str, Any]:
    told = [_told(provider) for provider in stack.of(_PROVIDER)]
    return {key: value for key, value in (told[0] if told else {}).items() if all(key in one for one in told)}


def _told(provider: Resource) -> Mapping[str, Any]:
    """Providers take their properties as JSON text."""
    held = provider.props.get("defaultTags")
    try:
        read = json.loads(held) if isinstance(held, str) else held
        return View(None if read is UNKNOWN else read, "defaultTags").view("tags").held
    except (ValueError, NotKnown, Malformed):
        return {}
