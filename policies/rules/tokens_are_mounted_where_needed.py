"""C48b: a pod that has nothing to ask of the cluster holds no key to it."""

from collections.abc import Iterable, Iterator

from ..framework.index import StackIndex
from ..framework.outcomes import Fail, Severity
from ..framework.resource import Resource
from ..framework.rule import StackRule
from ..framework.values import NotKnown
from ._agent_pods import account_of, accounts
from ._agents import OUTSIDE
from ._objects import each
from ._pods import PODS, Pod, pods
from ._rights import has_rights


def check(resource: Resource, stack: StackIndex) -> Iterable[Fail]:
    """Answers for every pod template. The pod's word counts, then its account's; by default the token is
    mounted, but into what agent-sandbox makes from a template:
    https://kubernetes.io/docs/tasks/configure-pod-container/configure-service-account/"""
    return each(_mounted(pod, stack) for pod in pods(resource))


def _mounted(pod: Pod, stack: StackIndex) -> Iterator[Fail]:
    key = "automountServiceAccountToken"
    said, name = pod.spec.value(key), account_of(pod)
    if said is None:
        pod.whole(pod.spec, key)
    if pod.spec.flag(key, True) is False or (said is None and pod.kind == "SandboxTemplate"):
        return
    namespace = pod.owner.namespace(stack)
    account = stack.once(accounts).get((namespace, name))
    if account is None and name != "default":
        raise NotKnown(pod.spec.at("serviceAccountName"), OUTSIDE)
    if said is None and account is not None and not account.view.flag(key, True):
        return
    if not has_rights(namespace, name, stack):
        yield Fail(f"it holds a token of {name}, which is bound to no role.", pod.spec.at(key))


RULE = StackRule(
    id="C48b",
    name="tokens-are-mounted-where-needed",
    title="Pods that do not use the Kubernetes API hold no token for it",
    why="Whoever gets into the pod finds the token first, and with it learns the cluster.",
    remediation="Set automountServiceAccountToken to false, or bind the account to the role that it needs.",
    severity=Severity.MEDIUM,
    types=PODS,
    external={"Checkov": ("CKV_K8S_38",)},
    sources=("https://kubernetes.io/docs/tasks/configure-pod-container/configure-service-account/",),
    check=check,
)
