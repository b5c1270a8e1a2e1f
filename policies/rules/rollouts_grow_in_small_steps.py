"""AG04b: a rollout begins with few callers and grows by a factor that a fault can be seen in."""

from collections.abc import Iterable

from ..framework.outcomes import Fail, Severity
from ..framework.resource import Resource
from ..framework.rule import ResourceRule, types
from ._control_items import TABLE_ITEM, plan_in

FIRST = 0.05
TIMES = 5
_WHOLE = 10_000


def check(item: Resource) -> Iterable[Fail]:
    """Answers for the plan of a rollout controller; AG04 judges an alias whose steps nobody states. A plan
    that says nothing of steps has the controller's own: 5, 20, 50 and 100 %."""
    plan = plan_in(item)
    if plan is None or not plan.says("steps"):
        return
    before = 0.0
    for step in plan.views("steps"):
        share = (step.number("basis_points", 0) or 0) / _WHOLE
        path = step.at("basis_points")
        if before == 0 and not 0 < share <= FIRST:
            yield Fail(f"the first step is {share:.0%}, and {FIRST:.0%} is the most.", path)
        elif before and not before < share <= min(1, before * TIMES):
            yield Fail(f"{share:.0%} does not follow {before:.0%}: at most {TIMES} times as much.", path)
        before = share


RULE = ResourceRule(
    id="AG04b",
    name="rollouts-grow-in-small-steps",
    title="Rollouts begin with 5 % at most, and each step is at most five times the one before",
    why="A fault in a new version must reach few callers before it is seen.",
    remediation="Begin with 5 percent and leave no step out: 5, 25, 50, 100.",
    severity=Severity.HIGH,
    types=types(TABLE_ITEM),
    external={"AWS Well-Architected": ("AGENTOPS02-BP03",)},
    sources=("https://docs.aws.amazon.com/lambda/latest/dg/configuring-alias-routing.html",),
    check=check,
)
