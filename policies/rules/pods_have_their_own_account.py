"""C48: a pod is somebody to the cluster, and not whoever has no name."""

from collections.abc import Iterable, Iterator

from ..framework.outcomes import Fail, Severity
from ..framework.resource import Resource
from ..framework.rule import ResourceRule
from ._agent_pods import account_of
from ._pods import PODS, Pod, judged


def check(resource: Resource) -> Iterable[Fail]:
    """Answers for every pod template. Where nothing is said the account is `default`."""
    return judged(resource, (_named,))


def _named(pod: Pod) -> Iterator[Fail]:
    if not pod.spec.text("serviceAccount"):
        pod.whole(pod.spec, "serviceAccountName")
    if account_of(pod) == "default":
        yield Fail("it has the namespace's default service account.", pod.spec.at("serviceAccountName"))


RULE = ResourceRule(
    id="C48",
    name="pods-have-their-own-account",
    title="Pods have a service account of their own, not the default one",
    why="What one pod of the namespace is allowed, all others are as well.",
    remediation="Make a ServiceAccount for the workload, and name it in serviceAccountName.",
    severity=Severity.MEDIUM,
    types=PODS,
    external={"Checkov": ("CKV_K8S_41",), "kube-linter": ("default-service-account",)},
    sources=("https://kubernetes.io/docs/concepts/security/service-accounts/",),
    check=check,
)
