"""Amazon EventBridge Scheduler: schedules and their groups."""

from typing import Any

from embedded_aws.provider.rows import AutoName, Client, Row
from embedded_aws.provider.values import Properties
from embedded_aws.tables.common import awsvpc, by_arn, or_none, tagging

_DEFAULT_GROUP = "default"


def _prepare(given: Properties) -> Properties:
    target = given.get("target")
    ecs = target.get("ecsParameters") if isinstance(target, dict) else None
    if isinstance(target, dict) and isinstance(ecs, dict):
        nested = {**ecs, "networkConfiguration": awsvpc(ecs.get("networkConfiguration"))}
        given["target"] = {**target, "ecsParameters": nested}
    return given


def _schedule(client: Client, schedule: str, state: Properties) -> Any:
    group, name = schedule.split("/", 1)
    return {**client.get_schedule(GroupName=group, Name=name), "Given": state}


def _outputs(found: Any) -> Properties:
    """Of the target, AWS is asked for what says who is called, as whom and with what."""
    target, window = found["Target"], found["FlexibleTimeWindow"]
    called = {"arn": target["Arn"], "roleArn": target["RoleArn"], "input": target.get("Input")}
    held: Properties = {name: found.get(name[0].upper() + name[1:]) for name in _HELD}
    width = window.get("MaximumWindowInMinutes")
    held["flexibleTimeWindow"] = {"mode": window["Mode"]} | (
        {"maximumWindowInMinutes": width} if width else {}
    )
    held["target"] = {**(found["Given"].get("target") or {}), **{k: v for k, v in called.items() if v}}
    return {k: v for k, v in held.items() if v is not None}


_HELD = (
    *("arn", "name", "groupName", "scheduleExpression", "scheduleExpressionTimezone", "description", "state"),
    *("kmsKeyArn", "actionAfterCompletion"),
)


def _delete_group(client: Client, group: str, _state: Properties) -> None:
    """moto breaks where it is asked to delete a group that is gone."""
    if or_none(lambda: client.get_schedule_group(Name=group)) is not None:
        client.delete_schedule_group(Name=group)


ROWS = (
    Row(
        token="aws:scheduler/scheduleGroup:ScheduleGroup",
        service="scheduler",
        create="CreateScheduleGroup",
        id="{name}",
        read="GetScheduleGroup",
        before_delete=_delete_group,
        key={"Name": "{id}"},
        name=AutoName(),
        settings=(
            tagging(
                "tag_resource", "untag_resource", "list_tags_for_resource", arn=by_arn, member="ResourceArn"
            ),
        ),
    ),
    Row(
        token="aws:scheduler/schedule:Schedule",
        service="scheduler",
        create="CreateSchedule",
        id=lambda p: f"{p.get('groupName') or _DEFAULT_GROUP}/{p['name']}",
        imported="{groupName}/{name}",
        created_at="",
        find=_schedule,
        update="UpdateSchedule",
        delete="DeleteSchedule",
        key={"GroupName": "{groupName}", "Name": "{name}"},
        renames={
            "arn": "Arn",
            "pipelineParameters": "PipelineParameterList",
            "placementStrategies": "PlacementStrategy",
            "capacityProviderStrategies": "CapacityProviderStrategy",
        },
        prepare=_prepare,
        outputs=_outputs,
        name=AutoName(),
        replaces=frozenset({"name", "groupName"}),
        defaults={
            "groupName": _DEFAULT_GROUP,
            "state": "ENABLED",
            "scheduleExpressionTimezone": "UTC",
            "actionAfterCompletion": "NONE",
        },
    ),
)
