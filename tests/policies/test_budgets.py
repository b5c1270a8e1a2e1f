"""AG01 and AG02: each agent's budget, and what its alerts reach."""

from typing import Any

import pytest

from tests.policies.judging import ABSENT, UNKNOWN, changed, fails, found, passes, resource, text, unchecked

TOPIC_ARN = "arn:aws:sns:eu-west-1:123456789012:alerts"
ACTUAL = {"notificationType": "ACTUAL", "threshold": 80, "thresholdType": "PERCENTAGE"}
FORECAST = {**ACTUAL, "notificationType": "FORECASTED", "threshold": 100}
HEARD = {"subscriberSnsTopicArns": [TOPIC_ARN]}
VALID = {
    "limitAmount": "500",
    "costFilters": [{"name": "TagKeyValue", "values": ["user:agent$handbook"]}],
    "notifications": [{**ACTUAL, **HEARD}, {**FORECAST, **HEARD}],
}
FUNCTION = resource("lambda/function:Function", "answer", {"tags": {"agent": "handbook"}})
BUDGETS = {"Service": "budgets.amazonaws.com"}
MAY_PUBLISH = {"Effect": "Allow", "Principal": BUDGETS, "Action": "sns:Publish", "Resource": TOPIC_ARN}
MAY_USE = {
    "Effect": "Allow",
    "Principal": BUDGETS,
    "Action": ["kms:GenerateDataKey*", "kms:Decrypt"],
    "Resource": "*",
}


def budget(**given: Any) -> Any:
    return resource("budgets/budget:Budget", "cap", changed(VALID, **given))


def test_a_budget_by_the_agents_tag_with_both_alerts_passes() -> None:
    assert passes("AG01", FUNCTION, budget())
    by_expression = {"tags": {"key": "agent", "values": ["handbook"]}}
    assert passes("AG01", FUNCTION, budget(costFilters=ABSENT, filterExpression=by_expression))


@pytest.mark.parametrize(
    "filters",
    [
        ABSENT,
        None,
        [],
        [{"name": "Service", "values": ["user:agent$handbook"]}],
        [{"name": "TagKeyValue", "values": ["user:agent$other"]}],
        [{"name": "TagKeyValue", "values": []}],
        [{"name": "TagKeyValue"}],
    ],
)
def test_an_agent_whose_tag_no_budget_names_fails(filters: Any) -> None:
    (told,) = found("AG01", FUNCTION, budget(costFilters=filters))
    assert told.urn == FUNCTION.urn
    assert "user:agent$handbook" in told.message


@pytest.mark.parametrize(
    "notifications",
    [
        ABSENT,
        None,
        [],
        [{**FORECAST, **HEARD}],
        [{**ACTUAL, **HEARD}],
        [{**ACTUAL, **HEARD, "threshold": 81}, {**FORECAST, **HEARD}],
        [{**ACTUAL, **HEARD, "threshold": "100"}, {**FORECAST, **HEARD}],
        [{**ACTUAL, **HEARD, "thresholdType": "ABSOLUTE_VALUE", "threshold": 450}, {**FORECAST, **HEARD}],
        [ACTUAL, {**FORECAST, **HEARD}],
        [{**ACTUAL, "subscriberEmailAddresses": []}, {**FORECAST, **HEARD}],
    ],
)
def test_a_budget_that_warns_too_late_or_nobody_fails(notifications: Any) -> None:
    assert fails("AG01", FUNCTION, budget(notifications=notifications))


def test_an_absolute_threshold_is_compared_with_the_limit() -> None:
    alert = {**ACTUAL, **HEARD, "thresholdType": "ABSOLUTE_VALUE", "threshold": 400}
    assert passes("AG01", FUNCTION, budget(notifications=[alert, {**FORECAST, **HEARD}]))


def test_wrong_kinds_fail_and_unknown_ones_are_not_checked() -> None:
    assert fails("AG01", FUNCTION, budget(notifications="ACTUAL"))
    assert fails("AG01", FUNCTION, budget(notifications=[{**ACTUAL, **HEARD, "threshold": "most"}]))
    assert unchecked("AG01", FUNCTION, budget(costFilters=UNKNOWN)) == ["costFilters"]
    assert unchecked("AG01", FUNCTION, budget(notifications=UNKNOWN)) == ["notifications"]
    assert unchecked("AG01", resource("lambda/function:Function", "x", {"tags": UNKNOWN})) == ["tags"]


def test_each_agent_is_told_of_once_and_other_functions_not_at_all() -> None:
    second = resource("ecs/service:Service", "work", {"tags": {"agent": "handbook"}})
    assert len(fails("AG01", FUNCTION, second)) == 1
    assert passes("AG01", resource("lambda/function:Function", "x", {"tags": {}}))


def world(**given: Any) -> list[Any]:
    """A budget whose alerts reach a function; parts may be replaced, or left out by None."""
    parts = {
        "budget": budget(),
        "topic": resource("sns/topic:Topic", "alerts", {"arn": TOPIC_ARN, "kmsMasterKeyId": "key-1"}),
        "policy": resource(
            "sns/topicPolicy:TopicPolicy", "rights", {"arn": TOPIC_ARN, "policy": text(MAY_PUBLISH)}
        ),
        "key": resource("kms/key:Key", "key", {"keyId": "key-1", "policy": text(MAY_USE)}),
        "subscription": resource(
            "sns/topicSubscription:TopicSubscription", "brake", {"topic": TOPIC_ARN, "protocol": "lambda"}
        ),
    }
    return [part for part in {**parts, **given}.values() if part is not None]


def test_an_alert_that_reaches_a_program_passes() -> None:
    assert passes("AG02", *world())


def test_a_budget_action_needs_no_topic() -> None:
    action = resource("budgets/budgetAction:BudgetAction", "stop", {"budgetName": "cap-1"})
    named = resource("budgets/budget:Budget", "cap", {**VALID, "name": "cap-1"})
    assert passes("AG02", *world(budget=named, subscription=None, action=action))


def test_mail_alone_fails() -> None:
    mail = [{**ACTUAL, "subscriberEmailAddresses": ["a@example.com"]}]
    assert fails("AG02", *world(budget=budget(notifications=mail)))
    subscribed = {"topic": TOPIC_ARN, "protocol": "email"}
    by_topic = resource("sns/topicSubscription:TopicSubscription", "mail", subscribed)
    assert fails("AG02", *world(subscription=by_topic))
    assert fails("AG02", *world(subscription=None))


@pytest.mark.parametrize(
    "broken",
    [
        {"Effect": "Deny"},
        {"Principal": {"Service": "cloudwatch.amazonaws.com"}},
        {"Principal": {"AWS": "123456789012"}},
        {"Action": "sns:Subscribe"},
        {"Action": []},
    ],
)
def test_a_topic_that_budgets_may_not_publish_to_fails(broken: dict[str, Any]) -> None:
    policy = {"arn": TOPIC_ARN, "policy": text({**MAY_PUBLISH, **broken})}
    assert fails("AG02", *world(policy=resource("sns/topicPolicy:TopicPolicy", "rights", policy)))
    assert fails("AG02", *world(policy=None))


@pytest.mark.parametrize(
    "broken", [{"Action": "kms:Decrypt"}, {"Effect": "Deny"}, {"Principal": {"AWS": "1"}}]
)
def test_a_key_that_budgets_may_not_use_fails(broken: dict[str, Any]) -> None:
    key = resource("kms/key:Key", "key", {"keyId": "key-1", "policy": text({**MAY_USE, **broken})})
    assert fails("AG02", *world(key=key))
    owned = resource("sns/topic:Topic", "alerts", {"arn": TOPIC_ARN, "kmsMasterKeyId": "alias/aws/sns"})
    assert fails("AG02", *world(topic=owned))


def test_what_lies_outside_or_is_unknown_is_not_checked() -> None:
    assert unchecked("AG02", budget()) == ["notifications"]
    assert unchecked("AG02", *world(key=None)) == ["kmsMasterKeyId"]
    unknown = resource("sns/topicPolicy:TopicPolicy", "rights", {"arn": TOPIC_ARN, "policy": UNKNOWN})
    assert unchecked("AG02", *world(policy=unknown)) == ["policy"]
    plain = resource("sns/topic:Topic", "alerts", {"arn": TOPIC_ARN})
    assert passes("AG02", *world(topic=plain, key=None))


WRITES = {
    "Effect": "Allow",
    "Action": "dynamodb:UpdateItem",
    "Resource": "arn:aws:dynamodb:x:1:table/control",
}


def braked(
    *statements: dict[str, Any], endpoint: Any = "arn:f", role: Any = "arn:r", **given: Any
) -> list[Any]:
    """A budget whose alerts call a function with a role; the role's rights are the statements."""
    subscription = {"topic": TOPIC_ARN, "protocol": "lambda", "endpoint": endpoint, **given}
    return [
        *world(subscription=resource("sns/topicSubscription:TopicSubscription", "s", subscription)),
        resource("lambda/function:Function", "brake", {"arn": "arn:f", "role": role}),
        resource("iam/role:Role", "brake-role", {"arn": "arn:r", "name": "brake-role"}),
        resource("iam/rolePolicy:RolePolicy", "rights", {"role": "brake-role", "policy": text(*statements)}),
    ]


@pytest.mark.parametrize(
    "action",
    [
        "dynamodb:UpdateItem",
        "lambda:UpdateAlias",
        "lambda:UpdateEventSourceMapping",
        "lambda:PutFunctionConcurrency",
        "ecs:UpdateService",
        "ecs:*",
    ],
)
def test_a_brake_that_may_stop_the_agent_passes(action: str) -> None:
    assert passes("AG02b", *braked({**WRITES, "Action": action}))


def test_a_brake_that_may_stop_nothing_fails() -> None:
    assert fails("AG02b", *braked())
    assert fails("AG02b", *braked({**WRITES, "Action": "dynamodb:GetItem"}))
    assert fails("AG02b", *braked(WRITES, {"Effect": "Deny", "Action": "*", "Resource": "*"}))
    narrow = resource(
        "iam/policy:Policy", "bound", {"arn": "arn:b", "policy": text({**WRITES, "Action": "logs:*"})}
    )
    bounded = resource(
        "iam/role:Role", "brake-role", {"arn": "arn:r", "name": "brake-role", "permissionsBoundary": "arn:b"}
    )
    held = [one for one in braked(WRITES) if one.name != "brake-role"]
    assert fails("AG02b", *held, bounded, narrow)


def test_a_brake_behind_a_queue_counts() -> None:
    queue = resource("sqs/queue:Queue", "alerts", {"arn": "arn:q"})
    mapping = {"eventSourceArn": "arn:q", "functionName": "arn:f"}
    reader = resource("lambda/eventSourceMapping:EventSourceMapping", "reads", mapping)
    assert passes("AG02b", *braked(WRITES, endpoint="arn:q", protocol="sqs"), queue, reader)
    assert fails("AG02b", *braked(endpoint="arn:q", protocol="sqs"), queue, reader)


def test_a_brake_outside_of_the_stack_is_not_checked() -> None:
    assert unchecked("AG02b", *braked(WRITES, endpoint="https://pager.example", protocol="https")) == [
        "endpoint"
    ]
    assert unchecked("AG02b", *braked(WRITES, role="arn:elsewhere")) == ["role"]
    unknown = [one for one in braked() if one.name != "rights"]
    hidden = resource("iam/rolePolicy:RolePolicy", "rights", {"role": "brake-role", "policy": UNKNOWN})
    assert unchecked("AG02b", *unknown, hidden) == ["policy"]
    assert passes("AG02b", *world(subscription=None))
    assert fails("AG02", *braked(WRITES, protocol="firehose"))
