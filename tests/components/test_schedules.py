"""Schedules of an agent on every host: who calls, what it may, and what is refused."""

import json
from typing import Any

import pytest

from agent_hosting import EcsAgent, EksAgent, LambdaAgent
from agent_hosting._schedules import MOST_SCHEDULES, check_schedules
from agent_hosting._validation import InputError, Inputs
from tests.components.recorder import ACCOUNT, REGION, Program, run
from tests.components.samples import CLUSTER, IMAGE, PLATFORM, agent_folder, making

NIGHTLY: dict[str, Any] = {"expression": "cron(0 6 ? * MON-FRI *)", "input": {"question": "why?"}}
KINDS: dict[str, Any] = {
    "lambda": (LambdaAgent, {}),
    "ecs": (EcsAgent, {"secret_variables": None}),
    "eks": (EksAgent, {"cluster": CLUSTER, "gateway": None, "destinations": None}),
}


def checked(schedules: Any, **more: Any) -> Any:
    args = {"schedules": schedules, **more}
    return check_schedules(args, Inputs("Agent", "handbook", args))


@pytest.mark.parametrize(
    "expression", ["rate(1 hour)", "rate(15 minutes)", NIGHTLY["expression"], "at(2027-01-31T06:00:00)"]
)
def test_what_scheduler_knows_is_taken(expression: str) -> None:
    schedule = {**NIGHTLY, "expression": expression, "timezone": "Europe/Berlin", "enabled": False}
    assert checked({"nightly": schedule}, spend={"schedules": {"nightly": {"day_usd": 1}}}) == {
        "nightly": schedule
    }


@pytest.mark.parametrize(
    ("schedules", "where"),
    [
        ({"nightly": {**NIGHTLY, "expression": "rate(1 hours)"}}, "schedules.nightly.expression"),
        ({"nightly": {**NIGHTLY, "expression": "cron(0 6 * * *)"}}, "schedules.nightly.expression"),
        ({"nightly": {**NIGHTLY, "input": None}}, "schedules.nightly.input"),
        ({"nightly": {**NIGHTLY, "input": "<aws.scheduler.execution-id>"}}, "schedules.nightly.input"),
        ({"nightly": {**NIGHTLY, "input": "x" * 100_001}}, "schedules.nightly.input"),
        ({"nightly": {**NIGHTLY, "timezone": "Mars/Olympus"}}, "schedules.nightly.timezone"),
        ({"nightly": {**NIGHTLY, "when": 1}}, "schedules.nightly.when"),
        ({"nightly": {"expression": "rate(1 hour)"}}, "schedules.nightly"),
        ({"each night": NIGHTLY}, "schedules"),
        ({f"s{n}": NIGHTLY for n in range(MOST_SCHEDULES + 1)}, "schedules"),
    ],
)
def test_a_schedule_that_is_none_is_refused_by_its_name(schedules: Any, where: str) -> None:
    with pytest.raises(InputError, match=where.replace(".", r"\.")):
        checked(schedules)


def test_a_name_that_fits_beside_a_short_agents_is_refused_beside_a_long_one() -> None:
    schedules = {"every-monday-morning": NIGHTLY}
    assert checked(schedules) == schedules
    args = {"schedules": schedules}
    with pytest.raises(InputError, match="one of 16 letters fits EventBridge Scheduler"):
        check_schedules(args, Inputs("Agent", "a" * 30, args))


def test_a_platform_without_the_boundary_that_schedules_need_is_refused() -> None:
    platform = {name: value for name, value in PLATFORM.items() if name != "rollout_boundary_arn"}
    with pytest.raises(InputError, match="rollout_boundary_arn"):
        checked({"nightly": NIGHTLY}, platform=platform)


def test_a_cap_of_no_schedule_is_refused() -> None:
    with pytest.raises(InputError, match=r"spend\.schedules"):
        checked({"nightly": NIGHTLY}, spend={"schedules": {"weekly": {"day_usd": 1}}})


@pytest.fixture(scope="module", params=KINDS)
def program(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Program:
    kind, more = KINDS[request.param]
    source = str(agent_folder(tmp_path_factory.mktemp("agent")))
    release = {"source": source} if kind is LambdaAgent else {"source": source, "image": IMAGE}
    changes = {"platform": PLATFORM, "releases": [release], "schedules": {"nightly": NIGHTLY}, **more}
    return run(making(kind, "handbook", source, **changes))


def test_a_call_that_was_not_accepted_is_kept_or_told(program: Program) -> None:
    kept = [made for made in program.resources if made.name == "handbook-async"]
    told = [made for made in program.resources if made.name == "handbook-dropped-schedules"]
    assert len(kept) + len(told) == 1
    for alarm in told:
        assert (alarm.inputs["metricName"], alarm.inputs["threshold"]) == ("AsyncEventsDropped", 1)
        assert "submit" in alarm.inputs["dimensions"]["FunctionName"]


def test_a_schedule_calls_the_alias_with_its_name_and_time(program: Program) -> None:
    schedule = program.one("aws:scheduler/schedule:Schedule").inputs
    target = schedule["target"]
    assert ":live" in target["arn"] or "alias" in target["arn"].lower()
    assert json.loads(target["input"]) == {
        "schedule": "nightly",
        "idempotency_key": "<aws.scheduler.scheduled-time>",
        "input": NIGHTLY["input"],
    }
    assert (schedule["flexibleTimeWindow"], schedule["state"]) == ({"mode": "OFF"}, "ENABLED")
    assert target["retryPolicy"]["maximumRetryAttempts"] == 5
    assert "handbook-lost-schedules" in target["deadLetterConfig"]["arn"]


def test_its_role_is_schedulers_for_this_group_and_may_call_that_alias_alone(program: Program) -> None:
    role = program.one("aws:iam/role:Role", "handbook-schedules").inputs
    (trust,) = json.loads(role["assumeRolePolicy"])["Statement"]
    group = program.one("aws:scheduler/scheduleGroup:ScheduleGroup")
    assert trust["Principal"] == {"Service": "scheduler.amazonaws.com"}
    assert trust["Condition"]["StringEquals"] == {"aws:SourceAccount": ACCOUNT}
    assert group.name in trust["Condition"]["ArnLike"]["aws:SourceArn"]
    assert role["permissionsBoundary"] == PLATFORM["rollout_boundary_arn"]
    allowed = program.one("RolePolicy", "handbook-schedules-policy").statements()
    assert set(allowed) == {"BeginRuns", "SendFailures", "UseKeyThroughSqs"}
    target = program.one("aws:scheduler/schedule:Schedule").inputs["target"]["arn"]
    assert allowed["BeginRuns"]["Resource"] == target
    assert allowed["UseKeyThroughSqs"]["Condition"]["StringEquals"]["kms:ViaService"].startswith(
        f"sqs.{REGION}"
    )


def test_an_agent_without_schedules_has_nothing_of_it(source: str) -> None:
    program = run(making(LambdaAgent, "handbook", source, platform=PLATFORM))
    assert program.all("aws:scheduler/schedule:Schedule") == []
    assert program.all("aws:scheduler/scheduleGroup:ScheduleGroup") == []
