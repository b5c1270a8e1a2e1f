"""AG02b: the program that a budget's alert reaches may really stop an agent."""

from collections.abc import Iterable

from ..framework.index import StackIndex
from ..framework.outcomes import Fail, Severity
from ..framework.resource import Resource
from ..framework.rule import StackRule, types
from ..framework.values import NotKnown
from ._agents import BUDGET, OUTSIDE, agents_of
from ._functions import MAPPING, functions_named
from ._queues import QUEUE
from ._roles import ROLE, rights_of
from .budget_alert_stops_the_agent import ACTION, PROGRAMS, SUBSCRIPTION, TOPIC

BRAKES = (
    "application-autoscaling:RegisterScalableTarget",
    "autoscaling:UpdateAutoScalingGroup",
    "dynamodb:PutItem",
    "dynamodb:UpdateItem",
    "ecs:StopTask",
    "ecs:UpdateService",
    "eks:UpdateNodegroupConfig",
    "events:DisableRule",
    "iam:AttachRolePolicy",
    "iam:PutRolePolicy",
    "lambda:PutFunctionConcurrency",
    "lambda:UpdateAlias",
    "lambda:UpdateEventSourceMapping",
    "scheduler:UpdateSchedule",
    "ssm:PutParameter",
    "states:StopExecution",
)
"""Any of them stops an agent: calls go elsewhere, nothing is read or run, or a brake is written that the
agent looks at."""


def check(budget: Resource, stack: StackIndex) -> Iterable[Fail]:
    """Answers for topics of agents' budgets with a program; AG02 tells of those without. A budget action
    stops by itself, and what runs outside of the stack cannot be told."""
    if not agents_of(budget) or stack.referring(budget, ACTION, by=("budgetName",)):
        return
    for topic in stack.referred(budget, "notifications", TOPIC):
        heard = stack.referring(topic, SUBSCRIPTION, by=("topic",))
        programs = [held for held in heard if held.view.text("protocol") in PROGRAMS]
        functions = [_behind(held, stack) for held in programs]
        if not programs or any(_brakes(one, stack) for many in functions for one in many):
            continue
        if not all(functions):
            raise NotKnown("endpoint", OUTSIDE)
        names = ", ".join(sorted({one.name for many in functions for one in many}))
        yield Fail(f"{names} may do nothing that stops an agent.", "", topic.urn)


def _behind(subscription: Resource, stack: StackIndex) -> list[Resource]:
    """The functions that hear of it, by themselves, by an alias or by a queue that they read."""
    found = functions_named(subscription, "endpoint", stack)
    for queue in stack.referred(subscription, "endpoint", QUEUE):
        for mapping in stack.referring(queue, MAPPING, by=("eventSourceArn",)):
            found += functions_named(mapping, "functionName", stack)
    return found


def _brakes(function: Resource, stack: StackIndex) -> bool:
    roles = stack.referred(function, "role", ROLE)
    if not roles:
        raise NotKnown("role", OUTSIDE)
    return any(next(rights_of(role, stack).allowing(action), None) for role in roles for action in BRAKES)


RULE = StackRule(
    id="AG02b",
    name="brakes-can-stop-the-agent",
    title="The program that hears of a spent budget may stop an agent",
    why="A brake that is refused its call is found out in the night that it is needed.",
    remediation=(
        "Let the function's role move the alias, disable the mapping, set the desired count or write the "
        "brake; that of AgentBudget may."
    ),
    severity=Severity.HIGH,
    types=types(BUDGET),
    sources=("https://docs.aws.amazon.com/cost-management/latest/userguide/budgets-sns-policy.html",),
    check=check,
)
