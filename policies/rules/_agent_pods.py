"""Pods of agents: those with the label `agent`, as resources of AWS have the tag."""

from collections.abc import Iterator

from ..framework.index import StackIndex
from ..framework.resource import Resource
from ..framework.values import Malformed, NotKnown, View
from ._objects import Thing, all_of
from ._pods import SANDBOXES, Pod, all_pods, pods, pods_of, referenced

LABELS = ("agent", "agent-hosting/agent")
_TENANTS = ("tenant", "agent-hosting/tenant")
ACCOUNT = "core:ServiceAccount"


def agent_of(pod: Pod) -> str:
    """The agent that the pod belongs to; "" for others. A sandbox of the operator agent-sandbox is one by
    itself."""
    own = pod.owner.metadata.view("labels")
    for labels in (own, pod.labels):
        for key in LABELS:
            if found := labels.text(key):
                return found
    return pod.owner.metadata.text("name", "sandbox") if pod.kind in SANDBOXES else ""


def is_agents(workload: Thing, stack: StackIndex) -> bool:
    """Whether an object belongs to an agent by its own label, by its pods', or by those that it refers to."""
    if any(workload.metadata.view("labels").text(key) for key in LABELS):
        return True
    other = referenced(workload, stack) if workload.spec.says("workloadRef") else None
    return any(agent_of(pod) for thing in (workload, other) if thing is not None for pod in pods_of(thing))


def tenant_of(pod: Pod) -> str:
    return next((found for key in _TENANTS if (found := pod.labels.text(key))), "")


def keeps_state(pod: Pod) -> bool:
    """Whether what the agent knows lies in its pods."""
    return pod.kind in (*SANDBOXES, "StatefulSet") or bool(list(claims_named(pod)))


def keeping_state(resource: Resource) -> Iterator[Pod]:
    """Pods of agents in which what they know lies. A patch is no pod."""
    return (pod for pod in pods(resource) if not pod.is_patch and agent_of(pod) and keeps_state(pod))


def claims_named(pod: Pod) -> Iterator[View]:
    """Claims that the pod takes its volumes from by their names."""
    for volume in pod.spec.views("volumes"):
        if volume.says("persistentVolumeClaim"):
            yield volume.view("persistentVolumeClaim")


def account_of(pod: Pod) -> str:
    """Name of its service account; `default` where nothing is said:
    https://kubernetes.io/docs/concepts/security/service-accounts/"""
    spec = pod.spec
    return spec.text("serviceAccountName") or spec.text("serviceAccount") or "default"


def accounts(stack: StackIndex) -> dict[tuple[str, str], Thing]:
    """Service accounts of the stack by namespace and name."""
    found: dict[tuple[str, str], Thing] = {}
    for thing in all_of(stack, ACCOUNT):
        try:
            found[thing.namespace(stack), thing.metadata.text("name")] = thing
        except (NotKnown, Malformed):
            continue
    return found


def agents_by_account(stack: StackIndex) -> dict[tuple[str, str], set[str]]:
    """Agents by the namespace and the service account of their pods."""
    found: dict[tuple[str, str], set[str]] = {}
    for pod in all_pods(stack):
        try:
            if agent := agent_of(pod):
                found.setdefault((pod.owner.namespace(stack), account_of(pod)), set()).add(agent)
        except (NotKnown, Malformed):
            continue
    return found
