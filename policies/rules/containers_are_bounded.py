"""C46: each container says what it needs and what it may take."""

from collections.abc import Iterable, Iterator, Mapping

from ..framework.index import StackIndex
from ..framework.outcomes import Fail, Severity
from ..framework.resource import Resource
from ..framework.rule import StackRule
from ..framework.values import Malformed, NotKnown, View
from ._objects import all_of, each
from ._pods import PODS, Container, pods

_AMOUNTS = ("cpu", "memory")
_GIVEN = {"default": "limit", "max": "limit", "defaultRequest": "request", "min": "request"}
"""What a container gets from a LimitRange by each of its keys."""


def check(resource: Resource, stack: StackIndex) -> Iterable[Fail]:
    """Answers for every container but ephemeral ones, which can have neither.

    What a container leaves out its pod may say, or a LimitRange of its namespace; a request that is left out
    is as large as the limit: https://kubernetes.io/docs/concepts/policy/limit-range/
    """
    return each(
        _bounds(container, stack)
        for pod in pods(resource)
        for container in pod.containers("containers", "initContainers")
    )


def _bounds(container: Container, stack: StackIndex) -> Iterator[Fail]:
    own, shared = container.view.view("resources"), container.pod.spec.view("resources")
    for amount in _AMOUNTS:
        if any(_says(held.view("limits"), amount) for held in (own, shared)):
            continue
        container.pod.whole(own.view("limits"), amount)
        by_default = _defaults(container, stack).get(amount, ())
        if "limit" in by_default:
            continue
        yield Fail(f"{container.name} has no limit of {amount}.", f"{own.at('limits')}.{amount}")
        if not by_default and not any(_says(held.view("requests"), amount) for held in (own, shared)):
            yield Fail(f"{container.name} has no request of {amount}.", f"{own.at('requests')}.{amount}")


def _says(held: View, amount: str) -> bool:
    """Whether there is an amount; 0 is none."""
    return any(digit in held.text(amount) for digit in "123456789")


def _defaults(container: Container, stack: StackIndex) -> Mapping[str, set[str]]:
    return stack.once(_limit_ranges).get(container.pod.owner.namespace(stack), {})


def _limit_ranges(stack: StackIndex) -> dict[str, dict[str, set[str]]]:
    """By namespace and amount what LimitRanges give to containers: `limit`, `request`."""
    found: dict[str, dict[str, set[str]]] = {}
    for thing in all_of(stack, "core:LimitRange"):
        try:
            held = found.setdefault(thing.namespace(stack), {})
            for limit in thing.spec.views("limits"):
                for key, given in _GIVEN.items() if limit.text("type") == "Container" else ():
                    for amount in limit.view(key).held:
                        held.setdefault(amount, set()).add(given)
        except (NotKnown, Malformed):
            continue
    return found


RULE = StackRule(
    id="C46",
    name="containers-are-bounded",
    title="Containers state requests and limits of processor and memory",
    why="A loop in one agent takes the node from all others, and bills for it.",
    remediation="Set resources.requests and resources.limits, each with cpu and memory.",
    severity=Severity.MEDIUM,
    types=PODS,
    external={
        "Checkov": ("CKV_K8S_10", "CKV_K8S_11", "CKV_K8S_12", "CKV_K8S_13"),
        "kube-linter": ("unset-cpu-requirements", "unset-memory-requirements"),
    },
    sources=(
        "https://kubernetes.io/docs/concepts/configuration/manage-resources-containers/",
        "https://kubernetes.io/docs/concepts/policy/limit-range/",
    ),
    check=check,
)
