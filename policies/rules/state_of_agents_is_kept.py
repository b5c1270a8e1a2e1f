"""AG19: what an agent keeps on a volume outlives its pods, and is nobody else's."""

from collections.abc import Iterable, Iterator

from ..framework.index import StackIndex
from ..framework.outcomes import Fail, Severity
from ..framework.resource import Resource
from ..framework.rule import StackRule
from ..framework.values import NotKnown, View
from ._agent_pods import claims_named, keeping_state
from ._agents import OUTSIDE
from ._claims import claims_of, owners, storage_classes
from ._objects import each
from ._pods import PODS, Pod

_POLICY = "persistentVolumeClaimRetentionPolicy"


def check(resource: Resource, stack: StackIndex) -> Iterable[Fail]:
    """Answers for pods with the label `agent` that keep state. A StatefulSet keeps its claims by default; a
    storage class deletes the disk with the claim:
    https://kubernetes.io/docs/concepts/storage/storage-classes/#reclaim-policy"""
    return each(
        part
        for pod in keeping_state(resource)
        for part in (_claims_stay(pod), _is_nobody_elses(pod, stack), _disks_stay(pod, stack))
    )


def _claims_stay(pod: Pod) -> Iterator[Fail]:
    policy = pod.owner.spec.view(_POLICY)
    for key in ("whenDeleted", "whenScaled"):
        if policy.text(key, "Retain") != "Retain":
            yield Fail("what the agent keeps goes with its pods.", policy.at(key))


def _disks_stay(pod: Pod, stack: StackIndex) -> Iterator[Fail]:
    return each(_disk_stays(claim, urn, stack) for claim, urn in claims_of(pod, stack))


def _disk_stays(claim: View, urn: str, stack: StackIndex) -> Iterator[Fail]:
    """Which class is the cluster's default this stack does not say."""
    name = claim.text("storageClassName")
    held = stack.once(storage_classes).get(name) if name else None
    if held is None:
        raise NotKnown(claim.at("storageClassName"), OUTSIDE)
    if held.view.text("reclaimPolicy", "Delete") != "Retain":
        told = f"the storage class {name} deletes the disk with the claim."
        yield Fail(told, claim.at("storageClassName"), urn)


def _is_nobody_elses(pod: Pod, stack: StackIndex) -> Iterator[Fail]:
    for named in claims_named(pod):
        name = named.text("claimName")
        if len(stack.once(owners).get((pod.owner.namespace(stack), name), ())) > 1:
            yield Fail(f"pods of other agents or tenants read the volume {name} too.", named.at("claimName"))


RULE = StackRule(
    id="AG19",
    name="state-of-agents-is-kept",
    title="Volumes of agents are retained and belong to one agent and tenant",
    why="Sessions and memory are on that disk: what is deleted, or was read by others, nothing brings back.",
    remediation=(
        "Use a storage class with reclaimPolicy Retain, retain claims in "
        "persistentVolumeClaimRetentionPolicy, and give each agent and tenant claims of its own."
    ),
    severity=Severity.HIGH,
    types=PODS,
    sources=(
        "https://kubernetes.io/docs/concepts/storage/storage-classes/",
        "https://kubernetes.io/docs/concepts/workloads/controllers/statefulset/",
    ),
    check=check,
)
