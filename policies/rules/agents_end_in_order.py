"""AG19b: an agent that keeps state is not taken away from its callers all at once, nor amid a step."""

import re
from collections.abc import Iterable, Iterator, Mapping

from ..framework.index import StackIndex
from ..framework.outcomes import Fail, Severity
from ..framework.resource import Resource
from ..framework.rule import StackRule
from ..framework.values import UNKNOWN, View
from ._agent_pods import keeping_state
from ._objects import Thing, all_of, each
from ._pods import JOBS, PODS, Container, Pod
from ._selectors import BySelector

_STATED = re.compile(r"(?:^|_)(?:STEP_TIMEOUT|LONGEST_STEP|STOP|SHUTDOWN_TIMEOUT)_SECONDS$")
"""Variables by which a program is told how long a step, or its ending, takes at most."""
_GRACE_SECONDS = 30
_MORE_THAN_ANY = 1_000
"""Pods of one agent, where the stack does not say how many there are."""


def check(resource: Resource, stack: StackIndex) -> Iterable[Fail]:
    """Answers for pods with the label `agent` that keep state. A template of sandboxes is no pod yet."""
    return each(
        part for pod in keeping_state(resource) for part in (_goes_one_by_one(pod, stack), _has_time(pod))
    )


def _goes_one_by_one(pod: Pod, stack: StackIndex) -> Iterator[Fail]:
    if pod.kind in (*JOBS, "SandboxTemplate"):
        return
    budgets = stack.once(_budgets)
    found = list(budgets.of(pod, stack))
    if not found:
        budgets.doubt(pod)
        yield Fail("no disruption budget selects it: a drained node takes all its pods.", pod.labels.path)
    elif not any(_protects(budget.spec, pod) for budget in found):
        yield Fail("its disruption budget lets all pods go.", "spec", found[0].resource.urn)


def _budgets(stack: StackIndex) -> BySelector:
    found = BySelector()
    for thing in all_of(stack, "policy:PodDisruptionBudget"):
        if not _selects_none(thing):
            found.add(thing, "selector", stack)
    return found


def _selects_none(budget: Thing) -> bool:
    """An empty selector takes in all pods, a missing one none."""
    spec = budget.view.held.get("spec")
    return spec is not UNKNOWN and (not isinstance(spec, Mapping) or spec.get("selector") is None)


def _protects(budget: View, pod: Pod) -> bool:
    """Whether it holds back any pod: https://kubernetes.io/docs/tasks/run-application/configure-pdb/

    One pod alone cannot be held back for ever, so that 1 will do for it. Where the workload does not say how
    many pods there are, something else may scale it.
    """
    most = budget.value("maxUnavailable")
    if isinstance(most, str) and not most.isdecimal():
        return most != "100%"
    if (number := budget.number("maxUnavailable")) is not None:
        return number < 2 or number < (pod.owner.spec.number("replicas") or _MORE_THAN_ANY)
    return budget.text("minAvailable", "0") not in ("0", "0%")


def _has_time(pod: Pod) -> Iterator[Fail]:
    """Kubernetes kills 30 seconds after the word, what the pod does before it stops included."""
    grace = pod.spec.number("terminationGracePeriodSeconds", _GRACE_SECONDS) or 0
    at = pod.spec.at("terminationGracePeriodSeconds")
    for container in pod.containers("containers"):
        for name, seconds in _stated(container):
            slept = container.view.view("lifecycle").view("preStop").view("sleep").number("seconds", 0) or 0
            if grace < seconds + slept:
                told = f"{name} is {seconds:g}" + (f" after {slept:g} of sleep" if slept else "")
                yield Fail(f"it is killed after {grace:g} s, and its {told}.", at)


def _stated(container: Container) -> Iterator[tuple[str, float]]:
    for variable in container.view.views("env"):
        if _STATED.search(name := variable.text("name")) and variable.says("value"):
            seconds = variable.number("value")
            if seconds is not None:
                yield name, seconds


RULE = StackRule(
    id="AG19b",
    name="agents-end-in-order",
    title="Agents that keep state have a disruption budget and time to end their step",
    why="A drained node or a release must not take every session at once, nor a step that is paid for.",
    remediation="Make a PodDisruptionBudget, and set terminationGracePeriodSeconds to the longest step.",
    severity=Severity.MEDIUM,
    types=PODS,
    sources=(
        "https://kubernetes.io/docs/tasks/run-application/configure-pdb/",
        "https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/",
    ),
    check=check,
)
