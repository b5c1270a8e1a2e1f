"""Volumes on which agents keep their state, and what becomes of them."""

from collections.abc import Iterator

from ..framework.index import StackIndex
from ..framework.values import Malformed, NotKnown, View
from ._agent_pods import agent_of, claims_named, tenant_of
from ._objects import Thing, all_of
from ._pods import Pod, all_pods

Key = tuple[str, str]


def claims_of(pod: Pod, stack: StackIndex) -> Iterator[tuple[View, str]]:
    """Specs of the claims of the pod's volumes with the URN of what holds them. One that the stack does not
    hold is left out: it is judged where it is made."""
    owner = pod.owner
    for template in owner.spec.views("volumeClaimTemplates"):
        yield template.view("spec"), owner.resource.urn
    held = stack.once(_claims)
    for named in claims_named(pod):
        claim = held.get((owner.namespace(stack), named.text("claimName")))
        if claim is not None:
            yield claim.spec, claim.resource.urn


def _claims(stack: StackIndex) -> dict[Key, Thing]:
    return {
        (thing.namespace(stack), name): thing
        for thing in _known(stack, "core:PersistentVolumeClaim")
        if (name := thing.metadata.text("name"))
    }


def storage_classes(stack: StackIndex) -> dict[str, Thing]:
    """Storage classes of the stack by name."""
    return {thing.metadata.text("name"): thing for thing in _known(stack, "storage.k8s.io:StorageClass")}


def _known(stack: StackIndex, kind: str) -> Iterator[Thing]:
    """Those whose name and namespace are known."""
    for thing in all_of(stack, kind):
        try:
            thing.metadata.text("name")
            thing.namespace(stack)
        except (NotKnown, Malformed):
            continue
        yield thing


def owners(stack: StackIndex) -> dict[Key, set[Key]]:
    """Agents and tenants by the namespace and name of the claims that their pods take volumes from."""
    found: dict[Key, set[Key]] = {}
    for pod in all_pods(stack):
        try:
            if agent := agent_of(pod):
                for named in claims_named(pod):
                    key = pod.owner.namespace(stack), named.text("claimName")
                    found.setdefault(key, set()).add((agent, tenant_of(pod)))
        except (NotKnown, Malformed):
            continue
    return found
