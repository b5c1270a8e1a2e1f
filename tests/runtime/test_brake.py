import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_runtime import brake
from agent_runtime.brake import BrakeReader, engage, handler, reason_to_brake, release

SUBJECT = "AWS Budgets: agent-answers has exceeded your alert threshold"


def budget_text(
    threshold: str, budgeted: str = "$100.00", kind: str = "ACTUAL", amount: str = "$101.20"
) -> str:
    """An AWS Budgets notification as SNS delivers it."""
    return (
        "AWS Budget Notification November 01, 2026\nAWS Account 123456789012\n\nDear AWS Customer,\n\n"
        f"You requested that we alert you when the {kind} Cost associated with your agent-answers budget is "
        f"greater than {threshold} for the current month. The {kind} Cost associated with this budget is "
        f"{amount}. You can find additional details below and by accessing the AWS Budgets dashboard [1].\n\n"
        f"Budget Name: agent-answers\nBudget Type: Cost\nBudgeted Amount: {budgeted}\nAlert Type: {kind}\n"
        f"Alert Threshold: > {threshold}\n{kind} Amount: {amount}\n\n"
        "[1] https://console.aws.amazon.com/billing/home#/budgets\n"
    )


def alarm_text(state: str, **trigger: Any) -> str:
    reason = "Threshold Crossed: 12.0 > 10.0"
    alarm: dict[str, Any] = {"AlarmName": "answers-spend", "NewStateValue": state, "NewStateReason": reason}
    return json.dumps(alarm | ({"Trigger": trigger} if trigger else {}))


def event(message: str, at: str = "2026-11-01T10:00:00.000Z") -> dict[str, Any]:
    topic = "arn:aws:sns:us-east-1:123456789012:answers-budget"
    return {
        "Records": [{"Sns": {"Subject": SUBJECT, "Message": message, "TopicArn": topic, "Timestamp": at}}]
    }


@pytest.fixture
def function(aws: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The brake function's environment."""
    monkeypatch.setenv("AGENT_NAME", "answers")
    monkeypatch.setenv("AGENT_CONTROL_TABLE", "control")
    monkeypatch.setenv("AGENT_BRAKE_PERCENT", "100")
    return aws


def item(aws: Any) -> dict[str, Any]:
    (only,) = aws.items("control")
    return only


@pytest.mark.parametrize(
    ("message", "engages"),
    [
        (budget_text("$100.00"), True),
        (budget_text("$120.00"), True),
        (budget_text("$1,000.00", budgeted="$1,000.00"), True),
        (budget_text("$0.33", budgeted="$0.33"), True),
        (budget_text("100%"), True),
        (budget_text("$80.00"), False),
        (budget_text("$80.00", amount="$99.99"), False),
        (budget_text("$50.00"), False),
        (budget_text("$800.00", budgeted="$1,000.00"), False),
        (budget_text("80%"), False),
        (budget_text("$100.00", kind="FORECASTED"), False),
        (alarm_text("ALARM"), True),
        (alarm_text("ALARM", MetricName="SpendUsd", Namespace="AgentHosting"), True),
        (alarm_text("ALARM", Metrics=[{"MetricStat": {"Metric": {"MetricName": "SpendUsd"}}}]), False),
        (alarm_text("ALARM", MetricName="Errors", Namespace="AWS/Lambda"), False),
        (alarm_text("ALARM", Metrics=[{"Expression": "100 * errors / calls"}]), False),
        (alarm_text("OK", MetricName="SpendUsd"), False),
        (alarm_text("OK"), False),
        (alarm_text("INSUFFICIENT_DATA"), False),
    ],
)
def test_only_a_spent_budget_or_an_alarm_engages(message: str, engages: bool) -> None:
    assert (reason_to_brake(SUBJECT, message, 100) is not None) is engages


@given(budget=st.integers(1, 10**7), percent=st.integers(1, 300))
def test_the_threshold_decides_for_any_budget(budget: int, percent: int) -> None:
    cents = f"${budget * percent / 100:,.2f}"
    engages = reason_to_brake("", budget_text(cents, budgeted=f"${budget:,}.00"), 100) is not None
    assert engages is (percent >= 100)


@pytest.mark.parametrize(
    "message", ["", "hello", "{}", "[1]", "AWS Budget Notification\nBudgeted Amount: lots"]
)
def test_a_message_that_cannot_be_read_is_an_error_and_no_decision(message: str) -> None:
    with pytest.raises(ValueError, match="neither a CloudWatch alarm nor an AWS Budgets notification"):
        reason_to_brake(SUBJECT, message, 100)


def test_the_first_engagement_keeps_its_time_and_reason(function: Any) -> None:
    assert handler(event(budget_text("$100.00")), None) == {"engaged": 1}
    first = item(function)
    assert first["engaged"] == {"BOOL": True}
    assert first["reason"] == {"S": SUBJECT}
    assert first["engaged_at"] == {"S": "2026-11-01T10:00:00.000Z"}
    handler(event(alarm_text("ALARM"), at="2026-11-01T11:00:00.000Z"), None)
    assert item(function) == first


def test_a_warning_leaves_the_control_table_alone(function: Any) -> None:
    assert handler(event(budget_text("$80.00")), None) == {"engaged": 0}
    assert handler(event(alarm_text("OK")), None) == {"engaged": 0}
    assert function.items("control") == []


def test_a_released_brake_can_engage_again_but_not_by_an_older_alert(function: Any) -> None:
    handler(event(budget_text("$100.00")), None)
    at = "2026-11-01T12:00:00.000Z"
    assert release(function.dynamodb, "control", "answers", released_by="ann", released_at=at)
    assert not release(function.dynamodb, "control", "answers", released_by="bob", released_at=at)
    handler(event(budget_text("$100.00"), at="2026-11-01T11:59:59.999Z"), None)
    assert item(function)["engaged"] == {"BOOL": False}
    handler(event(alarm_text("ALARM"), at="2026-11-01T13:00:00.000Z"), None)
    assert item(function)["engaged"] == {"BOOL": True}
    assert item(function)["reason"]["S"].startswith("alarm answers-spend: Threshold Crossed")


def test_the_reader_looks_at_most_every_five_seconds(aws: Any, faulty: Any) -> None:
    reader = BrakeReader(faulty, "control", "answers", aws.clock)
    assert reader.reason() is None
    engage(aws.dynamodb, "control", "answers", reason="spent", engaged_by="x", engaged_at=brake.utc_now())
    aws.clock.now += 4.9
    assert reader.reason() is None
    aws.clock.now += 0.2
    assert reader.reason() == "spent"
    assert faulty.calls["get_item"] == 2


def test_one_agents_brake_is_not_anothers(aws: Any) -> None:
    engage(aws.dynamodb, "control", "other", reason="spent", engaged_by="x", engaged_at=brake.utc_now())
    assert aws.brake().reason() is None


def test_a_control_table_that_cannot_be_read_brakes(aws: Any, faulty: Any) -> None:
    reader = BrakeReader(faulty, "control", "answers", aws.clock)
    faulty.lost["get_item"] = 1
    assert reader.reason() == "the control table cannot be read (ReadTimeoutError)"
    assert reader.reason() is None
    aws.dynamodb.delete_table(TableName="control")
    aws.clock.now += 6
    assert reader.reason() == "the control table cannot be read (ResourceNotFoundException)"


def test_a_brake_of_another_schema_brakes(aws: Any) -> None:
    aws.dynamodb.put_item(
        TableName="control",
        Item={
            "agent": {"S": "answers"},
            "item": {"S": "brake"},
            "engaged": {"BOOL": False},
            "schema_version": {"N": "9"},
        },
    )
    assert "another version" in (aws.brake().reason() or "")
