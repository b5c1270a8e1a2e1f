"""Rules that run by a rate, on a clock that the test sets."""

import json
import threading
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from embedded_aws.functions import Invocation
from embedded_aws.schedules import Schedules
from embedded_aws.schedules.rates import period
from tests.embedded.functions_world import ACCOUNT, PATIENCE_SECONDS, REGION, package

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
TRUST = json.dumps({"Version": "2012-10-17", "Statement": []})


@dataclass
class Callables:
    """Stands in for the executor."""

    events: list[tuple[str, Any]] = field(default_factory=list[tuple[str, Any]])
    called: threading.Event = field(default_factory=threading.Event)

    def invoke(self, _region: str, function: str, _qualifier: Any, payload: bytes, **how: Any) -> Invocation:
        assert how == {"invocation_type": "Event"}
        self.events.append((function, json.loads(payload)))
        self.called.set()
        return Invocation(202)


@dataclass
class World:
    functions: Callables
    schedules: Schedules
    log: list[str]
    now: datetime = NOON

    def client(self, service: str) -> Any:
        return boto3.client(service, region_name=REGION)  # type: ignore[call-overload]

    def later(self, **time: float) -> list[Any]:
        """Moves the clock; the events that functions got by then."""
        self.now += timedelta(**time)
        self.schedules.run_due()
        events = [event for _, event in self.functions.events]
        self.functions.events.clear()
        return events

    def function(self) -> str:
        role = self.client("iam").create_role(RoleName=uuid.uuid4().hex, AssumeRolePolicyDocument=TRUST)
        made = self.client("lambda").create_function(
            FunctionName=f"f-{uuid.uuid4().hex[:6]}",
            Runtime="python3.11",
            Role=role["Role"]["Arn"],
            Handler="app.handler",
            Code={"ZipFile": package({"app.py": ""})},
        )
        return made["FunctionArn"]

    def rule(self, expression: str = "rate(5 minutes)", state: str = "ENABLED", name: str = "") -> str:
        """ARN"""
        name = name or f"rule-{uuid.uuid4().hex[:6]}"
        return self.client("events").put_rule(Name=name, ScheduleExpression=expression, State=state)[
            "RuleArn"
        ]

    def target(self, rule: str, function: str, **more: Any) -> None:
        targets = [{"Id": uuid.uuid4().hex, "Arn": function, **more}]
        self.client("events").put_targets(Rule=rule.rsplit("/", 1)[1], Targets=targets)

    def allow(self, function: str, rule: str, **other: Any) -> None:
        given: Any = {"Principal": "events.amazonaws.com", "SourceArn": rule, **other}
        self.client("lambda").add_permission(
            FunctionName=function, StatementId=uuid.uuid4().hex, Action="lambda:InvokeFunction", **given
        )

    def scheduled(self, expression: str = "rate(5 minutes)", **more: Any) -> str:
        """ARN of a rule whose function may be called."""
        rule, function = self.rule(expression), self.function()
        self.target(rule, function, **more)
        self.allow(function, rule)
        return rule


@pytest.fixture
def aws() -> Iterator[World]:
    log: list[str] = []
    functions = Callables()
    with mock_aws():
        schedules = Schedules(account=ACCOUNT, functions=functions, log=log.append, clock=lambda: world.now)
        world = World(functions, schedules, log)
        undo = schedules.install()
        yield world
        schedules.close()
        undo()


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("rate(1 minute)", timedelta(minutes=1)),
        ("rate(5 minutes)", timedelta(minutes=5)),
        ("rate(1 hour)", timedelta(hours=1)),
        ("rate(12 hours)", timedelta(hours=12)),
        ("rate(1 day)", timedelta(days=1)),
        ("rate(7 days)", timedelta(days=7)),
        *(
            (wrong, None)
            for wrong in ("rate(1 minutes)", "rate(5 minute)", "rate(0 minutes)", "cron(0 8 * * ? *)")
        ),
    ],
)
def test_a_rate_says_its_period(expression: str, expected: timedelta | None) -> None:
    assert period(expression) == expected


def test_a_rate_that_aws_refuses_is_refused(aws: World) -> None:
    with pytest.raises(ClientError, match="ScheduleExpression is not valid"):
        aws.rule("rate(1 minutes)")


def test_a_rule_runs_first_one_period_after_it_was_made(aws: World) -> None:
    rule = aws.scheduled()
    assert aws.later(minutes=4, seconds=59) == []
    (event,) = aws.later(seconds=1)
    assert event.pop("id")
    assert event == {
        "version": "0",
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": ACCOUNT,
        "time": "2026-06-01T12:05:00Z",
        "region": REGION,
        "resources": [rule],
        "detail": {},
    }


def test_a_rule_runs_every_period_and_makes_up_for_none(aws: World) -> None:
    aws.scheduled()
    assert [len(aws.later(minutes=minutes)) for minutes in (5, 4, 1, 20, 4, 1)] == [1, 0, 1, 1, 0, 1]


def test_a_rule_is_on_time_however_late_the_timer_was(aws: World) -> None:
    aws.scheduled()
    assert [event["time"] for event in aws.later(minutes=7)] == ["2026-06-01T12:05:00Z"]
    assert [event["time"] for event in aws.later(minutes=3)] == ["2026-06-01T12:10:00Z"]


def test_the_input_of_a_target_takes_the_place_of_the_event(aws: World) -> None:
    aws.scheduled(Input=json.dumps({"sweep": True}))
    assert aws.later(minutes=5) == [{"sweep": True}]


def test_a_disabled_rule_rests_and_begins_again_when_it_is_enabled(aws: World) -> None:
    name = aws.scheduled().rsplit("/", 1)[1]
    aws.client("events").disable_rule(Name=name)
    assert aws.later(minutes=8) == []
    aws.client("events").enable_rule(Name=name)
    assert aws.later(minutes=4) == []
    assert len(aws.later(minutes=1)) == 1


def test_a_rule_that_is_written_again_unchanged_keeps_its_time(aws: World) -> None:
    name = aws.scheduled().rsplit("/", 1)[1]
    aws.later(minutes=3)
    aws.rule(name=name)
    assert len(aws.later(minutes=2)) == 1


def test_a_rule_with_another_rate_begins_anew(aws: World) -> None:
    name = aws.scheduled().rsplit("/", 1)[1]
    aws.later(minutes=4)
    aws.rule("rate(2 minutes)", name=name)
    assert aws.later(minutes=1) == []
    assert len(aws.later(minutes=1)) == 1


def test_a_deleted_rule_runs_no_more(aws: World) -> None:
    rule = aws.rule()
    aws.client("events").delete_rule(Name=rule.rsplit("/", 1)[1])
    assert aws.later(minutes=5) == []
    assert aws.schedules.run(rule.rsplit("/", 1)[1]) is None


@pytest.mark.parametrize(
    "permission",
    [
        {},
        {"Principal": "s3.amazonaws.com"},
        {"SourceArn": f"arn:aws:events:{REGION}:{ACCOUNT}:rule/other"},
        {"SourceAccount": "999999999999"},
    ],
)
def test_a_function_that_does_not_allow_the_rule_is_not_called(aws: World, permission: Any) -> None:
    rule, function = aws.rule(), aws.function()
    aws.target(rule, function)
    if permission:
        aws.allow(function, rule, **permission)
    assert aws.later(minutes=5) == []
    assert any("no resource-based policy lets events.amazonaws.com call" in line for line in aws.log)


def test_a_permission_is_for_the_qualifier_that_it_names(aws: World) -> None:
    rule, function, lambda_ = aws.rule(), aws.function(), aws.client("lambda")
    lambda_.publish_version(FunctionName=function)
    alias = lambda_.create_alias(FunctionName=function, Name="live", FunctionVersion="1")["AliasArn"]
    aws.target(rule, alias)
    aws.allow(function, rule)
    assert aws.later(minutes=5) == []
    aws.allow(function, rule, Qualifier="live")
    assert len(aws.later(minutes=5)) == 1


def test_a_cron_expression_runs_at_each_of_its_times(aws: World) -> None:
    aws.scheduled("cron(0/30 8-17 ? * MON-FRI *)")
    counted = [len(aws.later(minutes=30)) for _ in range(7 * 48)]
    assert sum(counted) == 5 * 20, "a week of half hours, five days of ten hours"
    assert aws.log == []


def test_a_cron_expression_that_cannot_be_read_is_reported_once_and_runs_nothing(aws: World) -> None:
    aws.scheduled("cron(0 12 * * * *)")
    assert aws.later(days=1) == []
    assert aws.later(days=1) == []
    assert sum("cron(0 12 * * * *) is recorded, not emulated" in line for line in aws.log) == 1


def test_a_rule_can_be_run_at_once(aws: World) -> None:
    rule = aws.scheduled()
    name = rule.rsplit("/", 1)[1]
    refused = aws.function()
    aws.target(rule, refused)
    assert aws.schedules.run(name) == 1
    assert [event["resources"] for _, event in aws.functions.events] == [[rule]]
    aws.client("events").disable_rule(Name=name)
    assert aws.schedules.run(name) == 0
    assert aws.schedules.run("unknown") is None


def test_the_timer_runs_what_is_due_without_being_asked(aws: World) -> None:
    aws.now = datetime.now(UTC) - timedelta(minutes=5)
    aws.scheduled()
    aws.now += timedelta(minutes=5)
    aws.rule()
    assert aws.functions.called.wait(PATIENCE_SECONDS)
