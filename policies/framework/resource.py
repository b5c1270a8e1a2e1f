"""A resource as rules see it, whether the engine, a test under mocks or a plan in a file told of it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any

from .values import UNKNOWN, NotKnown, View

_KUBERNETES = re.compile(r"kubernetes:(?:(.+)/)?v\d+(?:(?:alpha|beta)\d+)?:(\w+)")


@lru_cache(maxsize=4096)
def family(kind: str) -> str:
    """A type of Kubernetes without the version of its API, which changes nothing for a rule: that of
    `kubernetes:apps/v1beta1:Deployment` is `kubernetes:apps:Deployment`. Other types stand for themselves."""
    found = _KUBERNETES.fullmatch(kind)
    return f"kubernetes:{found[1] or 'core'}:{found[2]}" if found else kind


@dataclass(frozen=True)
class Resource:
    """Type, properties in Pulumi's camelCase, and what joins it to others."""

    type: str
    props: Mapping[str, Any]
    urn: str = ""
    name: str = ""
    parent: str = ""
    dependencies: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    """URNs of the resources that each property was made from: how resources join while ARNs are unknown."""
    protect: bool = False

    @cached_property
    def family(self) -> str:
        """What rules are found by."""
        return family(self.type)

    @cached_property
    def view(self) -> View:
        return View(self.props)

    def tag(self, key: str) -> str:
        """The tag's value, "" where there is none. Provider default tags are among `tagsAll`."""
        for held in ("tags", "tagsAll"):
            if self.props.get(held) is UNKNOWN:
                if held == "tagsAll":
                    continue  # computed by the provider: what the program said is in `tags`
                raise NotKnown(held)
            if found := View(self.props.get(held), held).text(key):
                return found
        return ""
