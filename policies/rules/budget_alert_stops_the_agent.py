"""AG02: what a budget's alert reaches is a program that stops the agent, and the alert does reach it."""

from collections.abc import Iterable, Iterator

from ..framework.documents import Statement, statements
from ..framework.index import StackIndex
from ..framework.outcomes import Fail, Severity
from ..framework.resource import Resource
from ..framework.rule import StackRule, types
from ..framework.values import NotKnown
from ._agents import BUDGET, OUTSIDE, agents_of

TOPIC, _KEY = "aws:sns/topic:Topic", "aws:kms/key:Key"
_POLICY, _KEY_POLICY = "aws:sns/topicPolicy:TopicPolicy", "aws:kms/keyPolicy:KeyPolicy"
SUBSCRIPTION = "aws:sns/topicSubscription:TopicSubscription"
ACTION = "aws:budgets/budgetAction:BudgetAction"
PROGRAMS = ("lambda", "sqs", "http", "https")
_SERVICE = "budgets.amazonaws.com"
_KEY_ACTIONS = ("kms:GenerateDataKey", "kms:Decrypt")


def check(budget: Resource, stack: StackIndex) -> Iterable[Fail]:
    """Answers for budgets of agents. A budget action stops by itself and needs no topic."""
    if not agents_of(budget) or stack.referring(budget, ACTION, by=("budgetName",)):
        return
    topics = stack.referred(budget, "notifications", TOPIC)
    if not topics:
        if any(alert.says("subscriberSnsTopicArns") for alert in budget.view.views("notifications")):
            raise NotKnown("notifications", OUTSIDE)
        yield Fail("its alerts reach people alone, and nobody reads mail at night.", "notifications")
    for topic in topics:
        yield from _consumed(topic, stack)
        if not any(_lets(statement, "sns:Publish") for statement in _topic_policy(topic, stack)):
            yield Fail(f"its policy does not let {_SERVICE} publish.", "policy", topic.urn)
        yield from _key_lets(topic, stack)


def _consumed(topic: Resource, stack: StackIndex) -> Iterable[Fail]:
    subscriptions = stack.referring(topic, SUBSCRIPTION, by=("topic",))
    if not any(subscription.view.text("protocol") in PROGRAMS for subscription in subscriptions):
        yield Fail("no program is subscribed that could stop the agent.", "", topic.urn)


def _topic_policy(topic: Resource, stack: StackIndex) -> Iterator[Statement]:
    yield from statements(topic.view.value("policy"), "policy")
    for policy in stack.referring(topic, _POLICY, by=("arn",)):
        yield from statements(policy.view.value("policy"), "policy")


def _key_lets(topic: Resource, stack: StackIndex) -> Iterable[Fail]:
    if not topic.view.says("kmsMasterKeyId"):
        return
    key = stack.one(topic, "kmsMasterKeyId", _KEY)
    if key is None:
        if topic.view.text("kmsMasterKeyId").endswith("alias/aws/sns"):
            yield Fail(f"AWS's own key lets {_SERVICE} in nowhere.", "kmsMasterKeyId", topic.urn)
            return
        raise NotKnown("kmsMasterKeyId", OUTSIDE)
    held = list(statements(key.view.value("policy"), "policy"))
    for policy in stack.referring(key, _KEY_POLICY, by=("keyId",)):
        held += statements(policy.view.value("policy"), "policy")
    for action in _KEY_ACTIONS:
        if not any(_lets(statement, action) for statement in held):
            yield Fail(f"the topic's key does not let {_SERVICE} call {action}.", "policy", key.urn)


def _lets(statement: Statement, action: str) -> bool:
    return (
        statement.allows
        and (_SERVICE in statement.principals.get("service", ()) or statement.anyone)
        and statement.speaks_of_action(action)
    )


RULE = StackRule(
    id="AG02",
    name="budget-alert-stops-the-agent",
    title="A budget's alert reaches a program that stops the agent",
    why="A mail at three in the morning stops nothing: $4,000 were spent overnight that way.",
    remediation=(
        "Subscribe the brake function of AgentBudget to the topic; let budgets.amazonaws.com publish to it "
        "and use its key."
    ),
    severity=Severity.HIGH,
    types=types(BUDGET),
    sources=("https://docs.aws.amazon.com/cost-management/latest/userguide/budgets-sns-policy.html",),
    check=check,
)
