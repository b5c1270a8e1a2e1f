"""AG06: an Argo Rollout of an agent begins small, waits, measures, and can go back at once."""

from collections.abc import Iterable, Iterator

from ..framework.index import StackIndex
from ..framework.outcomes import Fail, Severity
from ..framework.resource import Resource
from ..framework.rule import StackRule
from ..framework.values import View
from ._agent_pods import is_agents
from ._objects import Thing, each, families, things

LARGEST_FIRST = 5
"""Percent. The brief's steps are 5, 25, 50 and 100."""
_ALL = 100


def check(resource: Resource, stack: StackIndex) -> Iterable[Fail]:
    """Answers for Rollouts with the label `agent`, on themselves or their pods.

    Without steps Argo replaces pods as a Deployment does: https://argo-rollouts.readthedocs.io/en/stable/features/canary/
    """
    return each(_steps(thing) for thing in things(resource) if not thing.is_patch and is_agents(thing, stack))


def _steps(rollout: Thing) -> Iterator[Fail]:
    strategy = rollout.spec.view("strategy")
    canary = strategy.view("canary")
    if not canary.held:
        yield Fail("it has no canary: every caller gets the new release at once.", canary.path)
        return
    steps = list(canary.views("steps"))
    yield from each((_weights(canary, steps), _analysis(canary, steps), _way_back(canary)))


def _weights(canary: View, steps: list[View]) -> Iterator[Fail]:
    """A pause is needed before each next weight, and before the whole, which comes after the last step."""
    whole = canary.view("trafficRouting").number("maxTrafficWeight", _ALL) or _ALL
    last, waits = 0.0, True
    for step in steps:
        weight = step.number("setWeight")
        if weight is not None:
            share = weight * _ALL / whole
            if last == 0 and share > LARGEST_FIRST:
                yield Fail(
                    f"the first step is {share:g} %, not {LARGEST_FIRST} or less.", step.at("setWeight")
                )
            if share <= last and last > 0:
                yield Fail(f"a step of {share:g} % comes after {last:g} %.", step.at("setWeight"))
            if not waits:
                yield Fail(f"nothing waits between {last:g} % and {share:g} %.", step.at("setWeight"))
            last, waits = share, share == 0
        waits = waits or _pauses(step)
    if last == 0:
        yield Fail("no step gives the new release a share: all callers get it at once.", canary.at("steps"))
    elif last < _ALL and not waits:
        yield Fail(f"nothing waits between {last:g} % and the whole.", canary.at("steps"))


def _pauses(step: View) -> bool:
    """A pause without a duration waits for a person, and an analysis for its own end."""
    if step.held.get("analysis") is not None or step.held.get("experiment") is not None:
        return True
    pause = step.value("pause")
    if pause is None:
        return False
    duration = step.view("pause").text("duration")
    return not duration or any(digit in duration for digit in "123456789")


def _analysis(canary: View, steps: list[View]) -> Iterator[Fail]:
    held = [canary.view("analysis"), *(step.view("analysis") for step in steps)]
    held += [step.view("experiment") for step in steps]
    if not any(one.says("templates") or one.says("analyses") for one in held):
        yield Fail("nothing measures the new release on its way.", canary.at("analysis"))
    background = canary.view("analysis")
    start = background.number("startingStep", 0) or 0
    if steps and background.says("templates") and start >= len(steps):
        yield Fail(
            f"its analysis begins at step {start:g} of {len(steps)}: never.", background.at("startingStep")
        )


def _way_back(canary: View) -> Iterator[Fail]:
    if canary.flag("dynamicStableScale", False):
        told = "pods of the stable release go as the canary grows: nobody is there to go back to."
        yield Fail(told, canary.at("dynamicStableScale"))


RULE = StackRule(
    id="AG06",
    name="rollouts-go-in-small-steps",
    title="Rollouts of agents begin at 5 % or less, pause between growing steps, and are measured",
    why="A fault in a new version must reach few callers, and going back must need no new pod.",
    remediation="Give canary.steps with setWeight 5 and pauses, canary.analysis, and no dynamicStableScale.",
    severity=Severity.HIGH,
    types=families("argoproj.io:Rollout"),
    external={"AWS Well-Architected": ("AGENTOPS02-BP03",)},
    sources=(
        "https://argo-rollouts.readthedocs.io/en/stable/features/canary/",
        "https://argo-rollouts.readthedocs.io/en/stable/features/analysis/",
    ),
    check=check,
)
