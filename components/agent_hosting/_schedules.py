"""Schedules that begin an agent's runs: EventBridge Scheduler calls whoever accepts them."""

import json
import re
from collections.abc import Mapping
from typing import Any, NotRequired, TypedDict
from zoneinfo import ZoneInfo

import pulumi
import pulumi_aws as aws

from agent_hosting import statements
from agent_hosting._keys import account_id
from agent_hosting._lost_messages import alarm_on_any
from agent_hosting._validation import Inputs
from agent_hosting.agent_identity import AgentIdentity
from agent_hosting.agent_platform import PlatformReference
from agent_hosting.front_door import DoorFunction

RETRIES, OLDEST_SECONDS = 5, 900
"""Of a call that Scheduler could not make. Later than a quarter of an hour the next time is as good."""
MOST_SCHEDULES, MOST_INPUT_BYTES = 20, 100_000
"""A Lambda call that nobody waits for takes 1 MB; Scheduler's Input, by its own quota, 256 KB."""
MOST_NAME_LETTERS, AUTO_NAMING = 64, len("-1a2b3c4")
"""https://docs.aws.amazon.com/scheduler/latest/APIReference/API_CreateSchedule.html"""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,31}")
_EXPRESSION = re.compile(
    r"rate\((1 (minute|hour|day)|([2-9]|[1-9]\d+) (minutes|hours|days))\)"
    r"|cron\(\S+( \S+){5}\)"
    r"|at\(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\)"
)
"""https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html"""


class ScheduleArgs(TypedDict):
    expression: str
    """When, as EventBridge Scheduler writes it: `rate(1 hour)`, `cron(0 6 ? * MON-FRI *)` or
    `at(2027-01-31T06:00:00)`."""
    input: Any
    """Input of each run, any JSON but null."""
    timezone: NotRequired[str]
    """Time zone of cron and at, such as `Europe/Berlin`. Defaults to UTC."""
    enabled: NotRequired[bool]
    """Whether it begins runs. Defaults to true."""


def check_schedules(args: Any, inputs: Inputs) -> dict[str, ScheduleArgs]:
    """The schedules by name. Raises `InputError`, which names the field."""
    given: Mapping[str, Any] = args.get("schedules") or {}
    if len(given) > MOST_SCHEDULES:
        way_out = "Let one schedule begin a run that does several things."
        raise inputs.refuse("schedules", len(given), f"at most {MOST_SCHEDULES} for an agent", way_out)
    for name, schedule in given.items():
        at = f"schedules.{name}"
        if not _NAME.fullmatch(name):
            allowed = "a schedule's name is 1 to 32 letters, digits, dots, dashes and underscores"
            raise inputs.refuse("schedules", name, allowed, "Choose a name such as 'nightly'.")
        if (spare := MOST_NAME_LETTERS - AUTO_NAMING - len(_resource_name(inputs.name, name))) < 0:
            allowed = f"with the agent's name, one of {len(name) + spare} letters fits EventBridge Scheduler"
            raise inputs.refuse("schedules", name, allowed, "Shorten it.")
        _check(schedule, inputs, at)
    platform = args.get("platform")
    if given and platform and not platform.get("rollout_boundary_arn"):
        way_out = "Take it from an AgentPlatform: platform.rollout_boundary_arn."
        raise inputs.refuse(
            "platform.rollout_boundary_arn", None, "schedules need it for their role", way_out
        )
    capped: Mapping[str, Any] = (args.get("spend") or {}).get("schedules") or {}
    for name in capped:
        if name not in given:
            known = ", ".join(sorted(given)) or "none"
            way_out = f"Name one of the agent's schedules: {known}."
            raise inputs.refuse("spend.schedules", name, "the agent has no such schedule", way_out)
    return dict(given)


def _check(schedule: Any, inputs: Inputs, at: str) -> None:
    if not isinstance(schedule, Mapping) or not {"expression", "input"} <= set(schedule):
        raise inputs.refuse(at, schedule, "it needs `expression` and `input`", "Give both.")
    if unknown := sorted(set(schedule) - set(ScheduleArgs.__annotations__)):
        known = ", ".join(sorted(ScheduleArgs.__annotations__))
        raise inputs.refuse(f"{at}.{unknown[0]}", "…", f"known are {known}", "Leave it out.")
    expression = schedule["expression"]
    if not isinstance(expression, str) or not _EXPRESSION.fullmatch(expression):
        way_out = "Write rate(1 hour), cron(0 6 ? * MON-FRI *) or at(2027-01-31T06:00:00)."
        raise inputs.refuse(f"{at}.expression", expression, "it is no rate, cron or at", way_out)
    try:
        told = json.dumps(schedule["input"], allow_nan=False)
    except (TypeError, ValueError):
        raise inputs.refuse(
            f"{at}.input", "…", "it is no JSON", "Give texts, numbers, lists, maps."
        ) from None
    if told == "null" or len(told.encode()) > MOST_INPUT_BYTES:
        limit = f"JSON of at most {MOST_INPUT_BYTES} bytes, and not null"
        raise inputs.refuse(f"{at}.input", told[:40], limit, "Give {} where a run needs no input.")
    # A context attribute of Scheduler's in the input would be replaced by what it names.
    if "<aws.scheduler." in told:
        raise inputs.refuse(
            f"{at}.input", "<aws.scheduler.…>", "its attributes are filled in", "Leave it out."
        )
    zone = schedule.get("timezone", "UTC")
    try:
        ZoneInfo(str(zone))
    except (KeyError, ValueError, OSError):
        way_out = "Use a name of the IANA database, such as Europe/Berlin."
        raise inputs.refuse(f"{at}.timezone", zone, "no such time zone is known", way_out) from None


def schedule_runs(
    agent: str,
    schedules: Mapping[str, ScheduleArgs],
    *,
    target_arn: pulumi.Input[str],
    key_arn: pulumi.Input[str] | None,
    platform: PlatformReference,
    topic_arn: pulumi.Input[str],
    tags: Any,
    parent: pulumi.Resource,
    function_name: pulumi.Input[str] | None = None,
) -> None:
    """Calls `target_arn`, an alias, at the times of each schedule; calls that could not be made go to a queue
    under `key_arn`, and the topic is told. `function_name` is the alias's function, where nobody else looks
    after calls that it failed at. Makes nothing without schedules."""
    if not schedules:
        return
    child = pulumi.ResourceOptions(parent=parent)
    # Its ARN is what Scheduler names when it takes the role: it names the group, not the schedule.
    # https://docs.aws.amazon.com/scheduler/latest/UserGuide/cross-service-confused-deputy-prevention.html
    group = aws.scheduler.ScheduleGroup(f"{agent}-schedules", tags=tags, opts=child)
    lost = _lost_calls(agent, key_arn, topic_arn, tags, child)
    allowed: list[statements.Statement] = [
        {
            "Sid": "BeginRuns",
            "Effect": "Allow",
            "Action": "lambda:InvokeFunction",
            "Resource": target_arn,
        },
        statements.send_failures(lost.arn),
    ]
    if key_arn is not None:
        both = ["kms:Decrypt", "kms:GenerateDataKey"]
        allowed.append(statements.use_key_through("sqs", key_arn, both))
    identity = AgentIdentity(
        f"{agent}-schedules",
        {
            # The agents' own boundary lets nobody call a function.
            "boundary_arn": platform["rollout_boundary_arn"],  # type: ignore[typeddict-item]
            "service": "scheduler.amazonaws.com",
            "source_arn": group.arn,
            "statements": allowed,
            "tags": tags,
        },
        opts=child,
    )
    if function_name is not None:
        _alarm_on_dropped(agent, function_name, topic_arn, tags, child)
    for name, schedule in schedules.items():
        aws.scheduler.Schedule(
            _resource_name(agent, name),
            description=f"Runs of {agent}: {name}",
            group_name=group.name,
            schedule_expression=schedule["expression"],
            schedule_expression_timezone=schedule.get("timezone") or "UTC",
            state="ENABLED" if schedule.get("enabled", True) else "DISABLED",
            flexible_time_window={"mode": "OFF"},
            target={
                "arn": target_arn,
                "role_arn": identity.role_arn,
                "input": _call(name, schedule["input"]),
                "dead_letter_config": {"arn": lost.arn},
                "retry_policy": {
                    "maximum_retry_attempts": RETRIES,
                    "maximum_event_age_in_seconds": OLDEST_SECONDS,
                },
            },
            # A role that may not call yet would be refused, and the schedule with it.
            opts=pulumi.ResourceOptions(parent=parent, depends_on=[identity]),
        )


def alias_arn(function: DoorFunction, parent: pulumi.Resource) -> pulumi.Output[str]:
    """ARN of the alias behind a door; known once the alias is there."""
    region = aws.get_region_output(opts=pulumi.InvokeOutputOptions(parent=parent)).region
    named = (function["function_name"], ":", function["alias_name"])
    return pulumi.Output.concat("arn:aws:lambda:", region, ":", account_id(parent), ":function:", *named)


def _call(name: str, given: Any) -> str:
    """The same time is the same key in each attempt; the id of an execution is each attempt's own:
    https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule-context-attributes.html
    """
    told = {"schedule": name, "idempotency_key": "<aws.scheduler.scheduled-time>", "input": given}
    return json.dumps(told, sort_keys=True)


def _resource_name(agent: str, name: str) -> str:
    return f"{agent}-schedule-{name}"


def _alarm_on_dropped(
    agent: str,
    function_name: pulumi.Input[str],
    topic_arn: pulumi.Input[str],
    tags: Any,
    child: pulumi.ResourceOptions,
) -> None:
    """Nothing of the call is lost with it: its schedule says all that is in it.
    https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html
    """
    aws.cloudwatch.MetricAlarm(
        f"{agent}-dropped-schedules",
        alarm_description=f"A scheduled run of {agent} was not accepted in three tries: begin it by hand.",
        namespace="AWS/Lambda",
        metric_name="AsyncEventsDropped",
        dimensions={"FunctionName": function_name},
        statistic="Sum",
        period=60,
        evaluation_periods=1,
        threshold=1,
        comparison_operator="GreaterThanOrEqualToThreshold",
        treat_missing_data="notBreaching",
        alarm_actions=[topic_arn],
        tags=tags,
        opts=child,
    )


def _lost_calls(
    agent: str,
    key_arn: pulumi.Input[str] | None,
    topic_arn: pulumi.Input[str],
    tags: Any,
    child: pulumi.ResourceOptions,
) -> aws.sqs.Queue:
    lost = aws.sqs.Queue(
        f"{agent}-lost-schedules",
        message_retention_seconds=14 * 86_400,
        kms_master_key_id=key_arn,
        sqs_managed_sse_enabled=True if key_arn is None else None,
        tags=tags,
        opts=child,
    )
    aws.sqs.QueuePolicy(
        f"{agent}-lost-schedules-policy",
        queue_url=lost.url,
        policy=statements.policy([statements.tls_only("sqs:*", lost.arn)]),
        opts=child,
    )
    alarm_on_any(
        f"{agent}-lost-schedules",
        lost,
        description=f"Scheduled runs of {agent} could not be begun.",
        topic_arn=topic_arn,
        tags=tags,
        opts=child,
    )
    return lost
