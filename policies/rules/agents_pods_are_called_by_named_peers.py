"""AG18e: an agent's pod is called by named peers and not by everyone."""

from collections.abc import Iterable, Iterator

from ..framework.index import StackIndex
from ..framework.outcomes import Fail, Severity
from ..framework.resource import Resource
from ..framework.rule import StackRule
from ..framework.values import View
from ._cidrs import everywhere
from ._network_policies import POLICIES, selecting
from ._objects import Thing, each, things


def check(resource: Resource, stack: StackIndex) -> Iterable[Fail]:
    """Answers for policies that select pods with the label `agent`. A rule without `from` lets in
    everyone."""
    return each(_policy(thing, stack) for thing in things(resource))


def _policy(policy: Thing, stack: StackIndex) -> Iterator[Fail]:
    _, agents = stack.once(selecting)
    if policy.key in agents:
        for rule in policy.spec.views("ingress"):
            yield from _open(rule)


def _open(rule: View) -> Iterator[Fail]:
    if not rule.says("from"):
        yield Fail("everyone may call the agent: the rule names no source.", rule.at("from"))
    for peer in rule.views("from"):
        block = peer.view("ipBlock")
        if everywhere([block.text("cidr")]):
            yield Fail("the whole internet may call the agent.", block.at("cidr"))
        anywhere = peer.held.get("namespaceSelector") == {}
        if anywhere and not any(
            peer.view("podSelector").says(k) for k in ("matchLabels", "matchExpressions")
        ):
            yield Fail("every pod of the cluster may call the agent.", peer.at("namespaceSelector"))


RULE = StackRule(
    id="AG18e",
    name="agents-pods-are-called-by-named-peers",
    title="Network policies of agents let named peers in",
    why="Each call is a run at your cost, and what a stranger writes the agent reads.",
    remediation="Name pods, namespaces or blocks of addresses in `from` of each ingress rule.",
    severity=Severity.HIGH,
    types=POLICIES,
    sources=("https://kubernetes.io/docs/concepts/services-networking/network-policies/",),
    check=check,
)
