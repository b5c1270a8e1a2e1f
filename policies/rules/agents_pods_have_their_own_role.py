"""AG19c: the pods of an agent are somebody to AWS by their own service account."""

from collections.abc import Iterable, Iterator

from ..framework.index import StackIndex
from ..framework.outcomes import Fail, Severity
from ..framework.resource import Resource
from ..framework.rule import StackRule
from ..framework.values import Malformed, NotKnown
from ._agent_pods import account_of, accounts, agent_of, agents_by_account, keeping_state
from ._agents import OUTSIDE
from ._objects import each
from ._pods import PODS, Pod

_ASSOCIATION = "aws:eks/podIdentityAssociation:PodIdentityAssociation"
_OF_IRSA = "eks.amazonaws.com/role-arn"


def check(resource: Resource, stack: StackIndex) -> Iterable[Fail]:
    """Answers for pods with the label `agent` that keep state. Without an association they have the node's
    role: https://docs.aws.amazon.com/eks/latest/userguide/pod-identities.html"""
    return each(
        part for pod in keeping_state(resource) for part in (_own(pod, stack), _associated(pod, stack))
    )


def _own(pod: Pod, stack: StackIndex) -> Iterator[Fail]:
    key, at = (pod.owner.namespace(stack), account_of(pod)), pod.spec.at("serviceAccountName")
    others = stack.once(agents_by_account).get(key, set()) - {agent_of(pod)}
    if others:
        yield Fail(f"the account is that of {', '.join(sorted(others))} as well.", at)


def _associated(pod: Pod, stack: StackIndex) -> Iterator[Fail]:
    """An annotation for IRSA does as well. An account of another stack is associated there."""
    namespace, name = key = pod.owner.namespace(stack), account_of(pod)
    associated, hidden = stack.once(_associations)
    account = stack.once(accounts).get(key)
    if key in associated or (account and account.metadata.view("annotations").text(_OF_IRSA)):
        return
    if hidden is not None:
        raise hidden
    at = pod.spec.at("serviceAccountName")
    if account is None and name != "default":
        raise NotKnown(at, OUTSIDE)
    yield Fail(f"no pod identity association gives {name} of {namespace} a role of its own.", at)


def _associations(stack: StackIndex) -> tuple[set[tuple[str, str]], NotKnown | None]:
    found: set[tuple[str, str]] = set()
    hidden: NotKnown | None = None
    for association in stack.of(_ASSOCIATION):
        try:
            view = association.view
            found.add((view.text("namespace"), view.text("serviceAccount")))
        except NotKnown as unknown:
            hidden = unknown
        except Malformed:
            continue
    return found, hidden


RULE = StackRule(
    id="AG19c",
    name="agents-pods-have-their-own-role",
    title="Agents that keep state have a service account of their own with a pod identity association",
    why="With the node's role, or another agent's, a pod reads what was meant for others.",
    remediation="Make a ServiceAccount for the agent and an aws.eks.PodIdentityAssociation with its role.",
    severity=Severity.HIGH,
    types=PODS,
    external={"AWS Well-Architected": ("AGENTSEC03-BP03",)},
    sources=("https://docs.aws.amazon.com/eks/latest/userguide/pod-identities.html",),
    check=check,
)
