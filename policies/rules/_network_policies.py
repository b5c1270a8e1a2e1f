"""Network policies, and which pods they select."""

from ..framework.index import StackIndex
from ..framework.values import Malformed, NotKnown
from ._agent_pods import agent_of
from ._objects import Thing, all_of, families
from ._pods import Pod, all_pods
from ._selectors import BySelector

KINDS = ("networking.k8s.io:NetworkPolicy", "extensions:NetworkPolicy")
POLICIES = families(*KINDS)
OTHER_KINDS = tuple(
    f"kubernetes:{kind}"
    for kind in (
        "cilium.io:CiliumNetworkPolicy",
        "cilium.io:CiliumClusterwideNetworkPolicy",
        "crd.projectcalico.org:NetworkPolicy",
        "crd.projectcalico.org:GlobalNetworkPolicy",
        "projectcalico.org:NetworkPolicy",
        "projectcalico.org:GlobalNetworkPolicy",
        "policy.networking.k8s.io:AdminNetworkPolicy",
        "policy.networking.k8s.io:BaselineAdminNetworkPolicy",
        "policy.networking.k8s.io:ClusterNetworkPolicy",
        "networking.k8s.aws:ApplicationNetworkPolicy",
        "networking.k8s.aws:ClusterNetworkPolicy",
    )
)
"""Policies of others, which say the same in ways of their own."""


def directions(policy: Thing) -> set[str]:
    """What the policy denies unless it allows it. Where nothing is said, what comes in, and what goes out if
    it speaks of that: https://kubernetes.io/docs/concepts/services-networking/network-policies/"""
    said = set(policy.spec.texts("policyTypes"))
    return said or {"Ingress", *(("Egress",) if policy.spec.says("egress") else ())}


def policies(stack: StackIndex) -> BySelector:
    found = BySelector()
    for thing in all_of(stack, *KINDS):
        found.add(thing, "podSelector", stack)
    return found


def is_managed(pod: Pod) -> bool:
    """Whether the operator agent-sandbox makes a policy for the template's pods, as it does by default."""
    spec = pod.owner.spec
    return pod.kind == "SandboxTemplate" and spec.text("networkPolicyManagement", "Managed") == "Managed"


def selecting(stack: StackIndex) -> tuple[set[tuple[str, str]], set[tuple[str, str]]]:
    """Policies that select any pod of the stack, by their keys, and those that select an agent's, by their
    keys and, as patches know them, by namespace and name."""
    anyones: set[tuple[str, str]] = set()
    agents: set[tuple[str, str]] = set()
    held = stack.once(policies)
    for pod in all_pods(stack):
        try:
            found = list(held.of(pod, stack))
            anyones |= {policy.key for policy in found}
            if agent_of(pod):
                agents |= {policy.key for policy in found} | {_named(policy, stack) for policy in found}
        except (NotKnown, Malformed):
            continue
    return anyones, agents


def _named(policy: Thing, stack: StackIndex) -> tuple[str, str]:
    name = policy.metadata.held.get("name")
    return policy.namespace(stack), name if isinstance(name, str) else ""
