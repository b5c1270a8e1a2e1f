"""C50: a pod speaks with those whom a network policy names, both ways."""

from collections.abc import Iterable, Iterator

from ..framework.index import StackIndex
from ..framework.outcomes import Fail, Severity
from ..framework.resource import Resource
from ..framework.rule import StackRule
from ..framework.values import NotKnown
from ._network_policies import OTHER_KINDS, directions, is_managed, policies
from ._objects import each
from ._pods import PODS, Pod, pods

_TOLD = {
    "Ingress": "no network policy says who may call it, so that every pod may.",
    "Egress": "no network policy says what it may call, so that it reaches everything.",
}


def check(resource: Resource, stack: StackIndex) -> Iterable[Fail]:
    """Answers for every pod template but patches. A pod that no policy selects is open in that direction.

    A namespace's own denial may lie in another stack, but the policy that lets the pod speak at all belongs
    beside the pod. A pod in the node's network has no policies; C45 tells of it.
    """
    return each(_isolated(pod, stack) for pod in pods(resource) if not pod.is_patch)


def _isolated(pod: Pod, stack: StackIndex) -> Iterator[Fail]:
    if pod.spec.flag("hostNetwork", False) or is_managed(pod):
        return
    held = stack.once(policies)
    denied = {direction for policy in held.of(pod, stack) for direction in directions(policy)}
    for direction in _TOLD.keys() - denied:
        held.doubt(pod)
        if stack.of(*OTHER_KINDS):
            raise NotKnown(
                pod.labels.path, "may be selected by policies of a kind that this rule does not read."
            )
        yield Fail(_TOLD[direction], pod.labels.path)


RULE = StackRule(
    id="C50",
    name="pods-are-isolated",
    title="Each pod is selected by network policies for what comes in and what goes out",
    why="Without one, whoever gets into any pod reaches all others, and sends what it finds anywhere.",
    remediation=(
        "Make a NetworkPolicy that denies both ways for the namespace, and one that names the pod's peers."
    ),
    severity=Severity.HIGH,
    types=PODS,
    external={"Checkov": ("CKV2_K8S_6",), "kube-linter": ("non-isolated-pod",)},
    sources=("https://kubernetes.io/docs/concepts/services-networking/network-policies/",),
    check=check,
)
