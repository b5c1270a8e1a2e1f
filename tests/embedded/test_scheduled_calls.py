"""Schedules of EventBridge Scheduler, on a clock that the test sets."""

import json
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from moto import mock_aws

from embedded_aws.functions import Invocation
from embedded_aws.schedules import ScheduledCalls
from tests.embedded.functions_world import ACCOUNT, REGION

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
FUNCTION = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:submit:live"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/schedules"
INPUT = {"schedule": "nightly", "idempotency_key": "<aws.scheduler.scheduled-time>"}


class World:
    def __init__(self) -> None:
        self.now = NOON
        self.calls: list[dict[str, Any]] = []
        self.asked: list[tuple[str, str]] = []
        self.refused = False
        self.log: list[str] = []
        self.scheduled = ScheduledCalls(
            account=ACCOUNT,
            functions=self,  # type: ignore[arg-type]
            issue=lambda role, _: SimpleNamespace(access_key_id=role, session_token="t"),
            refusal=self._refusal,
            log=self.log.append,
            clock=lambda: self.now,
        )

    def _refusal(self, _method: str, path: str, _query: str, headers: Any, _body: bytes) -> Any:
        self.asked.append((path, headers["authorization"]))
        return SimpleNamespace(body=b"not allowed") if self.refused else None

    def invoke(self, _region: str, function: str, _qualifier: Any, payload: bytes, **how: Any) -> Invocation:
        assert (function, how) == (FUNCTION, {"invocation_type": "Event"})
        self.calls.append(json.loads(payload))
        return Invocation(202)

    def schedule(self, expression: str, **more: Any) -> str:
        name = f"schedule-{uuid.uuid4().hex[:6]}"
        boto3.client("scheduler", region_name=REGION).create_schedule(
            Name=name,
            ScheduleExpression=expression,
            FlexibleTimeWindow={"Mode": "OFF"},
            Target={"Arn": FUNCTION, "RoleArn": ROLE, "Input": json.dumps(INPUT)},
            **more,
        )
        self.scheduled.run_due()
        return name

    def later(self, **time: float) -> int:
        """Moves the clock; how many calls were made by then."""
        self.now += timedelta(**time)
        before = len(self.calls)
        self.scheduled.run_due()
        return len(self.calls) - before


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setattr(ScheduledCalls, "_wait", lambda _: None)  # the test says when to look
    with mock_aws():
        made = World()
        yield made
        made.scheduled.close()


def test_a_rate_calls_each_time_that_its_period_is_over(world: World) -> None:
    world.schedule("rate(1 hour)")
    assert [world.later(minutes=59), world.later(minutes=1), world.later(minutes=30)] == [0, 1, 0]
    assert world.later(hours=3) == 1, "missed calls are not made up"


def test_a_single_time_calls_once(world: World) -> None:
    world.schedule("at(2026-06-01T13:00:00)")
    assert [world.later(minutes=59), world.later(minutes=2), world.later(days=1)] == [0, 1, 0]
    world.schedule("at(2026-06-01T13:00:00)")
    assert world.later(days=1) == 0, "a time that is over never comes"


def test_the_input_says_for_which_time_it_is(world: World) -> None:
    world.schedule("rate(1 hour)")
    world.later(minutes=61)
    assert world.calls == [{"schedule": "nightly", "idempotency_key": "2026-06-01T13:00:00Z"}]


def test_any_schedule_can_be_run_at_once_unless_it_is_disabled(world: World) -> None:
    assert world.scheduled.run(world.schedule("cron(0 6 ? * MON-FRI *)")) == 1
    assert world.scheduled.run(world.schedule("rate(1 hour)", State="DISABLED")) == 0
    assert world.scheduled.run("no-such-schedule") is None
    assert world.log == []


def test_a_cron_expression_calls_at_its_times_in_its_time_zone(world: World) -> None:
    world.schedule("cron(0 6 ? * MON-FRI *)", ScheduleExpressionTimezone="Europe/Berlin")
    assert world.later(hours=15, minutes=59) == 0
    assert world.later(minutes=1) == 1
    assert world.calls[-1]["idempotency_key"] == "2026-06-02T04:00:00Z"
    assert world.later(days=6) == 1, "what was missed is not made up"
    assert world.calls[-1]["idempotency_key"] == "2026-06-03T04:00:00Z"


def test_a_single_time_in_a_time_zone_calls_once(world: World) -> None:
    world.schedule("at(2026-06-01T15:00:00)", ScheduleExpressionTimezone="Europe/Berlin")
    assert world.later(minutes=59) == 0
    assert world.later(minutes=1) == 1
    assert world.later(days=400) == 0
    assert world.calls[-1]["idempotency_key"] == "2026-06-01T13:00:00Z"


def test_a_schedule_in_another_time_zone_begins_anew(world: World) -> None:
    name = world.schedule("cron(0 14 * * ? *)")
    boto3.client("scheduler", region_name=REGION).update_schedule(
        Name=name,
        ScheduleExpression="cron(0 14 * * ? *)",
        ScheduleExpressionTimezone="Asia/Tokyo",
        State="ENABLED",
        FlexibleTimeWindow={"Mode": "OFF"},
        Target={"Arn": FUNCTION, "RoleArn": ROLE, "Input": json.dumps(INPUT)},
    )
    assert world.later(hours=3) == 0
    assert world.later(hours=14) == 1
    assert world.calls[-1]["idempotency_key"] == "2026-06-02T05:00:00Z"


def test_what_cannot_be_read_is_recorded_and_said_once(world: World) -> None:
    world.schedule("cron(0 12 * * * *)")
    assert (world.later(days=2), world.later(days=2)) == (0, 0)
    assert sum("cron(0 12 * * * *) in UTC is recorded, not emulated" in line for line in world.log) == 1


def test_a_schedule_calls_with_the_rights_of_its_role_alone(world: World) -> None:
    name = world.schedule("rate(1 hour)")
    world.refused = True
    assert world.scheduled.run(name) == 0
    assert world.calls == []
    path, signed = world.asked[-1]
    assert FUNCTION.replace(":", "%3A") in path
    assert f"Credential={ROLE}/" in signed
    assert [line for line in world.log if "may not call" in line and "not allowed" in line]
