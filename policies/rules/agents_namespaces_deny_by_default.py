"""C50c: a namespace in which agents run is closed for pods that no other policy speaks of."""

from collections.abc import Iterable, Iterator

from ..framework.index import StackIndex
from ..framework.outcomes import Fail, Level, Severity
from ..framework.resource import Resource
from ..framework.rule import StackRule
from ..framework.values import Malformed, NotKnown
from ._agent_pods import agent_of
from ._network_policies import KINDS, OTHER_KINDS, directions
from ._objects import Thing, all_of, each, families, things
from ._pods import all_pods

_BOTH = {"Ingress", "Egress"}


def check(resource: Resource, stack: StackIndex) -> Iterable[Fail]:
    """Answers for namespaces that the stack makes and in which it runs pods with the label `agent`. By
    default a pod that no policy selects speaks with everyone."""
    return each(_denies(thing, stack) for thing in things(resource) if not thing.is_patch)


def _denies(namespace: Thing, stack: StackIndex) -> Iterator[Fail]:
    called = {namespace.metadata.text("name"), namespace.resource.urn}
    if not called & stack.once(_of_agents):
        return
    closed, hidden = stack.once(_closed)
    missing = _BOTH - {direction for name in called for direction in closed.get(name, ())}
    if not missing:
        return
    if hidden is not None:
        raise hidden
    if stack.of(*OTHER_KINDS):
        raise NotKnown("metadata.name", "may be closed by policies of a kind that this rule does not read.")
    which = " and ".join(sorted(missing, reverse=True)).lower()
    yield Fail(f"no network policy denies {which} to pods that no other policy selects.", "metadata.name")


def _of_agents(stack: StackIndex) -> set[str]:
    found: set[str] = set()
    for pod in all_pods(stack):
        try:
            if not pod.is_patch and agent_of(pod):
                found.add(pod.owner.namespace(stack))
        except (NotKnown, Malformed):
            continue
    return found


def _closed(stack: StackIndex) -> tuple[dict[str, set[str]], NotKnown | None]:
    """By namespace what policies deny that select all its pods and allow nothing; and what kept one of them
    from being read."""
    found: dict[str, set[str]] = {}
    hidden: NotKnown | None = None
    for policy in all_of(stack, *KINDS):
        try:
            selector = policy.spec.view("podSelector")
            if any(selector.says(key) for key in ("matchLabels", "matchExpressions")):
                continue
            denied = {one for one in directions(policy) if not policy.spec.says(one.lower())}
            found.setdefault(policy.namespace(stack), set()).update(denied)
        except NotKnown as unknown:
            hidden = hidden or unknown
        except Malformed:
            continue
    return found, hidden


RULE = StackRule(
    id="C50c",
    name="agents-namespaces-deny-by-default",
    title="Namespaces of agents deny what no network policy allows",
    why="The next pod, or one whose label has a slip, is open both ways until somebody thinks of it.",
    remediation="Make a NetworkPolicy with an empty podSelector, both policyTypes and no rules.",
    severity=Severity.MEDIUM,
    level=Level.PROD,
    types=families("core:Namespace"),
    sources=("https://kubernetes.io/docs/concepts/services-networking/network-policies/",),
    check=check,
)
