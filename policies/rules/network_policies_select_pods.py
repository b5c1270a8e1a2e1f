"""C50b: a network policy is about some pod."""

from collections.abc import Iterable, Iterator

from ..framework.index import StackIndex
from ..framework.outcomes import Fail, Level, Severity
from ..framework.resource import Resource
from ..framework.rule import StackRule
from ._network_policies import POLICIES, selecting
from ._objects import Thing, each, things


def check(resource: Resource, stack: StackIndex) -> Iterable[Fail]:
    """Answers for policies that select by labels. Their pods may be those of another stack: it advises."""
    return each(_selects(thing, stack) for thing in things(resource) if not thing.is_patch)


def _selects(policy: Thing, stack: StackIndex) -> Iterator[Fail]:
    selector = policy.spec.view("podSelector")
    if any(selector.says(key) for key in ("matchLabels", "matchExpressions")):
        anyones, _ = stack.once(selecting)
        if policy.key not in anyones:
            yield Fail("no pod of this stack has these labels.", selector.path)


RULE = StackRule(
    id="C50b",
    name="network-policies-select-pods",
    title="Network policies select pods that there are",
    why="A slip in a label leaves the pod open, and the policy looks as if it were not.",
    remediation="Compare podSelector with the labels of the pod template, and both namespaces.",
    severity=Severity.LOW,
    level=Level.ADVISORY,
    types=POLICIES,
    external={"kube-linter": ("dangling-networkpolicy",)},
    sources=("https://kubernetes.io/docs/concepts/services-networking/network-policies/",),
    check=check,
)
