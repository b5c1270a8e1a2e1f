"""C51b: the cluster itself refuses pods that ask for privileges."""

from collections.abc import Iterable, Iterator

from ..framework.index import StackIndex
from ..framework.outcomes import Fail, Severity
from ..framework.resource import Resource
from ..framework.rule import StackRule
from ..framework.values import Malformed, NotKnown
from ._objects import NAMESPACE, Thing, each, things

_LABEL = "pod-security.kubernetes.io/enforce"


def check(resource: Resource, stack: StackIndex) -> Iterable[Fail]:
    """Answers for every namespace, with the labels that patches of this stack give it. Without the label
    everything is admitted: https://kubernetes.io/docs/concepts/security/pod-security-admission/"""
    return each(_enforces(thing, stack) for thing in things(resource))


def _enforces(namespace: Thing, stack: StackIndex) -> Iterator[Fail]:
    labels = namespace.metadata.view("labels")
    level = labels.text(_LABEL) or stack.once(_patched).get(namespace.metadata.text("name"), "")
    if level != "restricted":
        yield Fail(f"it admits pods by the level {level or 'privileged'}.", f"{labels.path}[{_LABEL!r}]")


def _patched(stack: StackIndex) -> dict[str, str]:
    """Levels by namespace, of patches."""
    found: dict[str, str] = {}
    for patch in stack.of(f"{NAMESPACE}Patch"):
        try:
            metadata = patch.view.view("metadata")
            if level := metadata.view("labels").text(_LABEL):
                found[metadata.text("name")] = level
        except (NotKnown, Malformed):
            continue
    return found


RULE = StackRule(
    id="C51b",
    name="namespaces-are-restricted",
    title="Namespaces enforce the Pod Security level restricted",
    why="Rules of a pack judge what passes through it; the cluster judges what anybody makes by hand.",
    remediation="Set the label pod-security.kubernetes.io/enforce to restricted.",
    severity=Severity.HIGH,
    types=frozenset((NAMESPACE, f"{NAMESPACE}List")),
    external={"Pod Security": ("restricted",)},
    sources=("https://kubernetes.io/docs/concepts/security/pod-security-admission/",),
    check=check,
)
