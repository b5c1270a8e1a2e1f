"""AG18d: an agent's pod reaches named places and not the whole internet."""

from collections.abc import Iterable, Iterator

from ..framework.index import StackIndex
from ..framework.outcomes import Fail, Severity
from ..framework.resource import Resource
from ..framework.rule import StackRule
from ..framework.values import View
from ._agent_pods import LABELS
from ._cidrs import everywhere
from ._network_policies import POLICIES, is_managed, selecting
from ._objects import Thing, each, families, things
from ._pods import Pod, pods

_TEMPLATES = families("agents.x-k8s.io:SandboxTemplate", "extensions.agents.x-k8s.io:SandboxTemplate")


def check(resource: Resource, stack: StackIndex) -> Iterable[Fail]:
    """Answers for policies that select pods with the label `agent`, and for templates of sandboxes."""
    if resource.family in _TEMPLATES:
        return each(_managed(pod) for pod in pods(resource) if not pod.is_patch)
    return each(_policy(thing, stack) for thing in things(resource))


def _policy(policy: Thing, stack: StackIndex) -> Iterator[Fail]:
    _, agents = stack.once(selecting)
    labels, name = policy.metadata.view("labels"), policy.metadata.held.get("name")
    patches = policy.is_patch and (policy.namespace(stack), name) in agents
    if policy.key in agents or patches or any(labels.text(key) for key in LABELS):
        yield from _open(policy.spec)


def _managed(pod: Pod) -> Iterator[Fail]:
    """The operator's own policy, where the template gives none, lets a sandbox reach the public internet."""
    spec = pod.owner.spec
    if is_managed(pod):
        if spec.value("networkPolicy") is None:
            yield Fail("by the operator's default it reaches the whole internet.", spec.at("networkPolicy"))
        yield from _open(spec.view("networkPolicy"))


def _open(policy: View) -> Iterator[Fail]:
    for rule in policy.views("egress"):
        if not rule.says("to"):
            yield Fail("the agent may send to everywhere: the rule names no destination.", rule.at("to"))
        for peer in rule.views("to"):
            block = peer.view("ipBlock")
            if everywhere([block.text("cidr")]):
                yield Fail("the agent may send to the whole internet.", block.at("cidr"))


RULE = StackRule(
    id="AG18d",
    name="agents-pods-reach-named-places",
    title="Network policies of agents have no egress to everywhere",
    why="An agent that read a secret and was talked into it can send it anywhere.",
    remediation="Name pods, namespaces or blocks of addresses; let the rest go through a proxy with a list.",
    severity=Severity.HIGH,
    types=POLICIES | _TEMPLATES,
    sources=("https://kubernetes.io/docs/concepts/services-networking/network-policies/",),
    check=check,
)
