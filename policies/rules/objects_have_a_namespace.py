"""C51: nothing lies in the namespace `default`, which belongs to nobody."""

from collections.abc import Iterable, Iterator

from ..framework.index import StackIndex
from ..framework.outcomes import Fail, Severity
from ..framework.resource import Resource
from ..framework.rule import StackRule
from ._network_policies import KINDS
from ._objects import Thing, each, families, things
from ._pods import PODS

_RELEASE = "kubernetes:helm.sh:Release"
_BESIDE = families(
    *(
        f"core:{kind}"
        for kind in ("ConfigMap", "PersistentVolumeClaim", "Secret", "Service", "ServiceAccount")
    ),
    *(f"rbac.authorization.k8s.io:{kind}" for kind in ("Role", "RoleBinding")),
    *KINDS,
    "policy:PodDisruptionBudget",
    "networking.k8s.io:Ingress",
)
"""What pods have beside them in their namespace."""


def check(resource: Resource, stack: StackIndex) -> Iterable[Fail]:
    """Answers for pods, what belongs to them, and Helm releases. Where nothing is said it is `default`, or
    the provider's `namespace`, which the provider writes into the object."""
    if resource.family == _RELEASE:
        if resource.view.text("namespace", "default") == "default":
            yield Fail("it is installed into the namespace default.", "namespace")
        return
    yield from each(_named(thing, stack) for thing in things(resource))


def _named(thing: Thing, stack: StackIndex) -> Iterator[Fail]:
    if thing.namespace(stack) == "default":
        yield Fail("it lies in the namespace default.", thing.metadata.at("namespace"))


RULE = StackRule(
    id="C51",
    name="objects-have-a-namespace",
    title="Objects lie in a namespace of their own, not in default",
    why="Rights, quotas and network policies hold by namespace: `default` has none that fit all.",
    remediation="Make a Namespace, and name it in metadata.namespace or in the provider.",
    severity=Severity.MEDIUM,
    types=PODS | _BESIDE | {_RELEASE},
    external={"Checkov": ("CKV_K8S_21",), "kube-linter": ("use-namespace",)},
    sources=("https://kubernetes.io/docs/concepts/overview/working-with-objects/namespaces/",),
    check=check,
)
