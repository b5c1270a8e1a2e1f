"""Objects of a cluster, however a resource holds them."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from ..framework.index import StackIndex
from ..framework.outcomes import Fail
from ..framework.resource import Resource
from ..framework.values import UNKNOWN, Malformed, NotKnown, View

NAMESPACE = "kubernetes:core:Namespace"


def families(*kinds: str) -> frozenset[str]:
    """Types of the kinds, written `apps:Deployment`, as they are, in lists and as patches."""
    return frozenset(f"kubernetes:{kind}{form}" for kind in kinds for form in ("", "List", "Patch"))


@dataclass(frozen=True)
class Thing:
    """One object of a cluster; a resource of a `...List` type holds several."""

    resource: Resource
    kind: str
    view: View
    is_patch: bool

    @property
    def key(self) -> tuple[str, str]:
        """What tells it from all others of the stack."""
        return self.resource.urn, self.view.path

    @cached_property
    def metadata(self) -> View:
        return self.view.view("metadata")

    @cached_property
    def spec(self) -> View:
        return self.view.view("spec")

    def namespace(self, stack: StackIndex) -> str:
        """Its namespace, or the URN of the one that it was made from while the name is unknown.

        The API takes `default` where nothing is said; a provider with a namespace of its own writes that in.
        """
        if self.view.held.get("metadata") is UNKNOWN or self.metadata.held.get("namespace") is UNKNOWN:
            return _made_from(self, stack)
        return self.metadata.text("namespace") or "default"


def _made_from(thing: Thing, stack: StackIndex) -> str:
    urns = thing.resource.dependencies.get("metadata", ())
    found = [r for urn in urns if (r := stack.by_urn.get(urn)) and r.family == NAMESPACE]
    if len(found) != 1:
        raise NotKnown(thing.metadata.at("namespace"))
    held = found[0].props.get("metadata")
    name = held.get("name") if isinstance(held, Mapping) else None
    return name if isinstance(name, str) and name else found[0].urn


def things(resource: Resource) -> Iterator[Thing]:
    """The objects of a resource of any form."""
    kind = resource.family.rpartition(":")[2]
    if kind.endswith("List"):
        for item in resource.view.views("items"):
            yield Thing(resource, kind.removesuffix("List"), item, is_patch=False)
    else:
        is_patch = kind.endswith("Patch")
        yield Thing(resource, kind.removesuffix("Patch"), resource.view, is_patch)


def all_of(stack: StackIndex, *kinds: str) -> Iterator[Thing]:
    """Every object of the kinds in the stack, patches left out."""
    for kind in kinds:
        for resource in stack.of(f"kubernetes:{kind}", f"kubernetes:{kind}List"):
            yield from things(resource)


def each(parts: Iterable[Iterable[Fail]]) -> Iterator[Fail]:
    """What all the parts say: what one does not know must not hide what the next one finds."""
    hidden: NotKnown | None = None
    wrong: Malformed | None = None
    for part in parts:
        try:
            yield from part
        except NotKnown as unknown:
            hidden = hidden or unknown
        except Malformed as malformed:
            wrong = wrong or malformed
    if wrong is not None:
        raise wrong
    if hidden is not None:
        raise hidden
