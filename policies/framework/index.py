"""The stack, indexed once, so that stack rules need not walk it."""

import json
from collections import defaultdict
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

from .limits import Limits
from .resource import Resource, family
from .values import UNKNOWN, NotKnown

_LONGEST_JSON = 4096
"""Characters. Longer texts are policies, which rules evaluate."""
T = TypeVar("T")
IDENTIFIERS = ("arn", "id", "name", "url", "bucket", "roleName", "invokeArn", "keyId")
"""Properties by which one resource names another once they are known."""


@dataclass(frozen=True)
class _Raised:
    error: Exception


class StackIndex:
    """Resources by URN, by type, by what they are called and by what refers to them."""

    def __init__(self, resources: Iterable[Resource], limits: Limits | None = None) -> None:
        self.limits = limits or Limits()
        self.resources = tuple(resources)
        self.by_urn = {resource.urn: resource for resource in self.resources}
        self._made: dict[Any, Any] = {}
        self._by_type: dict[str, list[Resource]] = defaultdict(list)
        self._called: dict[str, list[Resource]] = defaultdict(list)
        self._referring: dict[str, list[tuple[str, Resource]]] = defaultdict(list)
        for resource in self.resources:
            self._by_type[resource.family].append(resource)
            for key in IDENTIFIERS:
                if isinstance(value := resource.props.get(key), str) and value:
                    self._called[value].append(resource)
        for resource in self.resources:
            for key in {*resource.props, *resource.dependencies}:
                for other in self.referred(resource, key):
                    self._referring[other.urn].append((key, resource))

    def once(self, made: Callable[["StackIndex"], T]) -> T:
        """What `made` makes of the stack, made once: rules that need a table of their own keep it here.

        So is what it raises: a table that cannot be made is not tried anew for each resource.
        """
        if made not in self._made:
            try:
                self._made[made] = made(self)
            except Exception as error:  # noqa: BLE001 - raised below, at each who asks
                self._made[made] = _Raised(error)
        if isinstance(found := self._made[made], _Raised):
            raise found.error.with_traceback(None)
        return found

    def of(self, *types: str) -> list[Resource]:
        """Resources of the types, in the order of the stack."""
        return [resource for kind in types for resource in self._by_type[family(kind)]]

    def referred(self, resource: Resource, key: str, *types: str) -> list[Resource]:
        """Resources that the property names: by its dependencies, or else by its value."""
        found = [self.by_urn[urn] for urn in resource.dependencies.get(key, ()) if urn in self.by_urn]
        value = resource.props.get(key)
        for text in _texts(value):
            found += [other for other in self._called.get(text, ()) if other.urn != resource.urn]
        wanted = [other for other in found if not types or other.type in types]
        return list({other.urn: other for other in wanted}.values())

    def called(self, name: str, *types: str) -> list[Resource]:
        """Resources of the types that have the name, ARN, id or address."""
        return [other for other in self._called.get(name, ()) if not types or other.type in types]

    def referring(self, resource: Resource, *types: str, by: tuple[str, ...] = ()) -> list[Resource]:
        """Resources of the types with a property, one of `by`, that names `resource`."""
        found = [
            other
            for key, other in self._referring.get(resource.urn, ())
            if (not types or other.type in types) and (not by or key in by)
        ]
        return list({other.urn: other for other in found}.values())

    def one(self, resource: Resource, key: str, *types: str) -> Resource | None:
        """The one resource that the property names, None where the stack does not hold it.

        Raises `NotKnown` where the property is unknown and nothing tells what it was made from.
        """
        found = self.referred(resource, key, *types)
        if not found and resource.props.get(key) is UNKNOWN:
            raise NotKnown(key)
        return found[0] if found else None


def _texts(value: Any) -> list[str]:
    """Texts that may name a resource: the value, and those in it, be it a list, an object or JSON text.

    Without recursion: nobody but a program's author bounds how deeply its values are nested.
    """
    found: list[str] = []
    unread = [value]
    while unread:
        held = unread.pop()
        if isinstance(held, str):
            if held[:1] not in ("{", "["):
                found.append(held)
            elif len(held) <= _LONGEST_JSON:
                with suppress(ValueError, RecursionError):
                    unread.append(json.loads(held))
        elif isinstance(held, list | tuple):
            unread.extend(reversed(held))
        elif isinstance(held, dict):
            unread.extend(reversed(held.values()))
    return found
