"""Which agents a stack runs, and which budgets count their costs."""

from collections.abc import Iterator

from ..framework.index import StackIndex
from ..framework.resource import Resource
from ..framework.values import Malformed, NotKnown, View
from ._functions import FUNCTION

SERVICE = "aws:ecs/service:Service"
BUDGET = "aws:budgets/budget:Budget"
OUTSIDE = "is kept outside this stack: judge it there."


def first_of_agents(stack: StackIndex) -> dict[str, Resource]:
    """The first runtime of each agent, by its tag `agent`, so that one agent is told of once."""
    found: dict[str, Resource] = {}
    for resource in stack.of(FUNCTION, SERVICE):
        try:
            found.setdefault(resource.tag("agent"), resource)
        except (NotKnown, Malformed):
            continue  # told where that resource itself is judged
    return found


def agents_of(budget: Resource) -> set[str]:
    """Agents whose tag the budget filters by. A tag is written `user:agent$name`:
    https://docs.aws.amazon.com/cost-management/latest/userguide/budgets-create-filters.html
    """
    found: set[str] = set()
    for cost_filter in budget.view.views("costFilters"):
        if cost_filter.text("name") == "TagKeyValue":
            found |= {v.partition("$")[2] for v in cost_filter.texts("values") if v.startswith("user:agent$")}
    for tags in _tags(budget.view.view("filterExpression")):
        if tags.text("key") in ("agent", "user:agent"):
            found |= set(tags.texts("values"))
    return found - {""}


def _tags(expression: View) -> Iterator[View]:
    yield expression.view("tags")
    for part in expression.views("ands"):
        yield part.view("tags")


def budgets_of(agent: str, stack: StackIndex) -> list[Resource]:
    """Budgets of the agent. Raises `NotKnown` where there is none, but one that may be it."""
    by_agent, hidden = stack.once(_budgets)
    found = by_agent.get(agent, [])
    if hidden is not None and not found:
        raise hidden
    return found


def _budgets(stack: StackIndex) -> tuple[dict[str, list[Resource]], NotKnown | None]:
    """Budgets by agent, and what kept one from being read."""
    found: dict[str, list[Resource]] = {}
    hidden: NotKnown | None = None
    for budget in stack.of(BUDGET):
        try:
            for agent in agents_of(budget):
                found.setdefault(agent, []).append(budget)
        except NotKnown as unknown:
            hidden = unknown
    return found, hidden
