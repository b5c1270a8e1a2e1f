"""AG04, AG04b and AG05: what an alias and a plan send to a version on trial, and who watches it."""

import json
from typing import Any

import pytest

from tests.policies.judging import ABSENT, UNKNOWN, changed, fails, passes, resource, unchecked

VALID = {"functionVersion": "7", "routingConfig": {"additionalVersionWeights": {"8": 0.05}}}
OF_8 = {"FunctionName": "f", "ExecutedVersion": "8"}
ERRORS = {"metricName": "Errors", "dimensions": OF_8, "alarmActions": ["arn:topic"]}
LATENCY = {**ERRORS, "metricName": "Duration"}
COST = {"metricName": "CostPerRunUsd", "dimensions": OF_8, "alarmActions": ["arn:topic"]}


def alias(**given: Any) -> Any:
    return resource("lambda/alias:Alias", "live", changed(VALID, **given))


def sharing(held: Any) -> Any:
    return alias(routingConfig={"additionalVersionWeights": held})


def alarms(*held: dict[str, Any]) -> list[Any]:
    return [resource("cloudwatch/metricAlarm:MetricAlarm", f"a{n}", one) for n, one in enumerate(held)]


@pytest.mark.parametrize("routing", [ABSENT, None, {}, [], {"additionalVersionWeights": {}}, [{}]])
def test_an_alias_without_a_second_version_passes(routing: Any) -> None:
    assert passes("AG04", alias(routingConfig=routing))
    assert passes("AG05", alias(routingConfig=routing))


@pytest.mark.parametrize("share", [0, 0.05, 0.5, "0.25"])
def test_small_shares_pass(share: Any) -> None:
    assert passes("AG04", sharing({"8": share}))


@pytest.mark.parametrize(
    "held", [{"8": 0.51}, {"8": 1}, {"8": -0.1}, {"8": 0.1, "9": 0.1}, {"$LATEST": 0.05}, {"7": 0.05}]
)
def test_large_shares_and_unpublished_versions_fail(held: Any) -> None:
    assert fails("AG04", sharing(held))


@pytest.mark.parametrize("version", [ABSENT, None, "", "$LATEST", "live", "7.1", True])
def test_an_alias_on_what_is_not_published_fails(version: Any) -> None:
    assert fails("AG04", alias(functionVersion=version))


@pytest.mark.parametrize("held", ["8", [1, 2], {"8": "much"}, {"8": True}])
def test_weights_of_the_wrong_kind_fail(held: Any) -> None:
    assert fails("AG04", sharing(held))


def test_unknown_versions_and_weights_are_not_checked() -> None:
    assert unchecked("AG04", alias(functionVersion=UNKNOWN)) == ["functionVersion"]
    assert unchecked("AG04", alias(routingConfig=UNKNOWN)) == ["routingConfig"]
    assert unchecked("AG05", sharing(UNKNOWN)) == ["routingConfig.additionalVersionWeights"]


def test_a_version_on_trial_with_all_alarms_passes() -> None:
    assert passes("AG05", alias(), *alarms(ERRORS, LATENCY, COST))
    by_expression = {"metricQueries": [{"expression": "1"}, {"metric": ERRORS}], "alarmActions": ["x"]}
    assert passes("AG05", alias(), *alarms(by_expression, LATENCY, COST))
    assert passes("AG05", sharing({"8": 0}))


@pytest.mark.parametrize(
    "broken",
    [
        {"dimensions": {"FunctionName": "f"}},
        {"dimensions": ABSENT},
        {"dimensions": {**OF_8, "ExecutedVersion": "7"}},
        {"alarmActions": []},
        {"alarmActions": None},
        {"actionsEnabled": False},
        {"actionsEnabled": "false"},
        {"metricName": "Invocations"},
    ],
)
def test_a_version_on_trial_that_no_alarm_of_its_own_watches_fails(broken: dict[str, Any]) -> None:
    (told,) = fails("AG05", alias(), *alarms(changed(ERRORS, **broken), LATENCY, COST))
    assert "errors of version 8" in told


def test_an_alarm_on_an_unknown_version_is_not_checked() -> None:
    unknown = {**ERRORS, "dimensions": {"ExecutedVersion": UNKNOWN}}
    assert unchecked("AG05", alias(), *alarms(unknown, LATENCY, COST)) == ["dimensions.ExecutedVersion"]


SPEND = {**COST, "metricName": "SpendUsd", "dimensions": {"agent": "handbook"}}


def test_what_is_spent_may_be_watched_by_the_agent() -> None:
    function = resource("lambda/function:Function", "f", {"name": "f", "tags": {"agent": "handbook"}})
    of_it = alias(functionName="f")
    assert passes("AG05", function, of_it, *alarms(ERRORS, LATENCY, SPEND))
    for dimensions in ({"agent": "other"}, {}, None, {"agent": ""}):
        elsewhere = {**SPEND, "dimensions": dimensions}
        (told,) = fails("AG05", function, of_it, *alarms(ERRORS, LATENCY, elsewhere))
        assert "the cost of version 8" in told
    assert fails("AG05", alias(), *alarms(ERRORS, LATENCY, SPEND))
    assert fails("AG05", function, of_it, *alarms(ERRORS, LATENCY, {**SPEND, "alarmActions": []}))


def plan(*shares: Any, name: str = "plan", **given: Any) -> Any:
    document = {"agent": "a", "steps": [{"basis_points": share} for share in shares], **given}
    item = {"agent": {"S": "a"}, "item": {"S": name}, "document": {"S": json.dumps(document)}}
    return resource("dynamodb/tableItem:TableItem", "a-rollout-plan", {"item": json.dumps(item)})


@pytest.mark.parametrize("shares", [[500, 2500, 10_000], [500, 2000, 5000, 10_000], [1, 5, 25], [100]])
def test_steps_of_five_times_the_one_before_pass(shares: list[int]) -> None:
    assert passes("AG04b", plan(*shares))


@pytest.mark.parametrize(
    "shares", [[501], [10_000], [0, 500], [-1], [500, 2501], [100, 1000, 5000], [500, 500], [500, 400], ["x"]]
)
def test_a_first_step_or_a_leap_too_large_fails(shares: list[Any]) -> None:
    assert len(fails("AG04b", plan(*shares))) == 1


def test_other_items_are_passed_over_and_an_unknown_plan_is_not_checked() -> None:
    assert passes("AG04b", plan(10_000, name="traffic"))
    assert passes("AG04b", plan(steps=None))
    for item in ("{", "[]", "7", json.dumps({"item": {"S": "plan"}, "document": {"S": "["}}), None, ABSENT):
        held = changed({"item": ""}, item=item)
        assert passes("AG04b", resource("dynamodb/tableItem:TableItem", "a-rollout-plan", held))
    unknown = {"item": UNKNOWN}
    assert unchecked("AG04b", resource("dynamodb/tableItem:TableItem", "a-rollout-plan", unknown)) == ["item"]
    assert passes("AG04b", resource("dynamodb/tableItem:TableItem", "release", unknown))
