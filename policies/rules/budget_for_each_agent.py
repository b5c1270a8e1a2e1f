"""AG01: each agent has a budget of its own that warns before it is spent."""

from collections.abc import Iterable

from ..framework.index import StackIndex
from ..framework.outcomes import Fail, Severity
from ..framework.resource import Resource
from ..framework.rule import StackRule, types
from ..framework.values import View
from ._agents import SERVICE, budgets_of, first_of_agents
from ._functions import FUNCTION

_LATEST_WARNING = 80


def check(runtime: Resource, stack: StackIndex) -> Iterable[Fail]:
    """Answers for the first function or service with the agent's tag."""
    agent = runtime.tag("agent")
    if not agent or stack.once(first_of_agents).get(agent) is not runtime:
        return
    budgets = budgets_of(agent, stack)
    if not budgets:
        yield Fail(f"agent {agent!r} has no budget that filters by user:agent${agent}.", "tags.agent")
    for budget in budgets:
        yield from _warns(budget)


def _warns(budget: Resource) -> Iterable[Fail]:
    if (kind := budget.view.text("budgetType", "COST")) != "COST":
        yield Fail(f"it counts {kind.lower()} and no costs.", "budgetType", budget.urn)
    alerts = [alert for alert in budget.view.views("notifications") if _heard(alert)]
    limit = budget.view.number("limitAmount")
    actual = [_percent(a, limit) for a in alerts if a.text("notificationType") == "ACTUAL"]
    if not any(0 < percent <= _LATEST_WARNING for percent in actual):
        yield Fail("no alert on actual cost at 80 % or less has a subscriber.", "notifications", budget.urn)
    if not any(alert.text("notificationType") == "FORECASTED" for alert in alerts):
        yield Fail("no alert on forecast cost has a subscriber.", "notifications", budget.urn)


def _heard(alert: View) -> bool:
    """Whether it speaks when there is more than there should be, and to somebody."""
    rises = alert.text("comparisonOperator", "GREATER_THAN") == "GREATER_THAN"
    return rises and (alert.says("subscriberSnsTopicArns") or alert.says("subscriberEmailAddresses"))


def _percent(alert: View, limit: float | None) -> float:
    threshold = alert.number("threshold", 0) or 0
    if alert.text("thresholdType", "PERCENTAGE") == "PERCENTAGE":
        return threshold
    return 100 * threshold / limit if limit else float("inf")


RULE = StackRule(
    id="AG01",
    name="budget-for-each-agent",
    title="Each agent has a budget by its own tag, with an alert at 80 % or less and one on the forecast",
    why="An agent in a loop spends thousands of dollars in a night before a bill tells of it.",
    remediation="Make an AgentBudget, or a budget that filters by user:agent$NAME with both alerts.",
    severity=Severity.HIGH,
    types=types(FUNCTION, SERVICE),
    external={"AWS Well-Architected": ("AGENTCOST07-BP01",)},
    sources=("https://docs.aws.amazon.com/cost-management/latest/userguide/budgets-create-filters.html",),
    check=check,
)
