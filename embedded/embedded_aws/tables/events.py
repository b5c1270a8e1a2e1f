"""Amazon EventBridge: buses, rules and their targets."""

from typing import Any

from embedded_aws.provider.rows import AutoName, Client, Row
from embedded_aws.provider.values import UNKNOWN, Properties
from embedded_aws.tables.common import awsvpc, by_arn, or_none, tagging

_DEFAULT_BUS = "default"
_TAGS = tagging("tag_resource", "untag_resource", "list_tags_for_resource", arn=by_arn, member="ResourceARN")


def _bus(properties: Properties) -> str:
    return properties.get("eventBusName") or _DEFAULT_BUS


def _in_bus(properties: Properties, separator: str, *parts: str) -> str:
    """Ids name the bus where it is not the default one."""
    bus = _bus(properties)
    return separator.join(parts if bus == _DEFAULT_BUS else (bus, *parts))


def _imported_rule(import_id: str) -> Properties:
    bus, _, name = import_id.rpartition("/")
    return {"eventBusName": bus or _DEFAULT_BUS, "name": name}


def _imported_target(import_id: str) -> Properties:
    rule, target = import_id.rsplit("/", 1)
    found = _imported_rule(rule)
    return {"eventBusName": found["eventBusName"], "rule": found["name"], "targetId": target}


def _rule(given: Properties) -> Properties:
    """`isEnabled` is the older way to say `state`."""
    enabled = given.pop("isEnabled", None)
    if enabled is not None and given.get("state") is None:
        given["state"] = enabled if enabled is UNKNOWN else ("ENABLED" if enabled else "DISABLED")
    return given


def _find_rule(client: Client, _rule_id: str, state: Properties) -> Any:
    found = client.describe_rule(Name=state["name"], EventBusName=_bus(state))
    return {**found, "EventBusName": _bus(state)}


def _rule_outputs(found: Any) -> Properties:
    return {
        "arn": found["Arn"],
        "name": found["Name"],
        "eventBusName": found["EventBusName"],
        "eventPattern": found.get("EventPattern") or "",
        "scheduleExpression": found.get("ScheduleExpression") or "",
        "description": found.get("Description") or "",
        "roleArn": found.get("RoleArn") or "",
        "state": found["State"],
        "isEnabled": found["State"] != "DISABLED",
    }


def _delete_rule(client: Client, _rule_id: str, state: Properties) -> None:
    place = {"EventBusName": _bus(state)}
    if state.get("forceDestroy"):
        targets = or_none(lambda: client.list_targets_by_rule(Rule=state["name"], **place))
        ids = [t["Id"] for t in (targets or {}).get("Targets", [])]
        if ids:
            client.remove_targets(Rule=state["name"], Ids=ids, Force=True, **place)
    client.delete_rule(Name=state["name"], **place)


def _target(given: Properties) -> Properties:
    target = {k: v for k, v in given.items() if k in _SAME}
    target |= {member: given[name] for name, member in _PARTS.items() if given.get(name) is not None}
    ecs = given.get("ecsTarget")
    if isinstance(ecs, dict):
        network = {"networkConfiguration": awsvpc(ecs.get("networkConfiguration"))}
        target["ecsParameters"] = {**ecs, **network}
    return {
        "rule": given.get("rule"),
        "eventBusName": given.get("eventBusName"),
        "targets": [{"id": given.get("targetId"), **target}],
    }


def _find_target(client: Client, _target_id: str, state: Properties) -> Any:
    pages = client.get_paginator("list_targets_by_rule").paginate(
        Rule=state["rule"], EventBusName=_bus(state)
    )
    held = next((t for page in pages for t in page["Targets"] if t["Id"] == state["targetId"]), None)
    return held and {**held, "EventBusName": _bus(state)}


def _target_outputs(found: Any) -> Properties:
    return {
        "arn": found["Arn"],
        "eventBusName": found["EventBusName"],
        "input": found.get("Input") or "",
        "inputPath": found.get("InputPath") or "",
        "roleArn": found.get("RoleArn") or "",
    }


def _delete_target(client: Client, _target_id: str, state: Properties) -> None:
    client.remove_targets(
        Rule=state["rule"],
        EventBusName=_bus(state),
        Ids=[state["targetId"]],
        Force=bool(state.get("forceDestroy")),
    )


_SAME = frozenset({"arn", "input", "inputPath", "roleArn", "deadLetterConfig", "retryPolicy"})
_PARTS = {
    "sqsTarget": "sqsParameters",
    "kinesisTarget": "kinesisParameters",
    "httpTarget": "httpParameters",
    "inputTransformer": "inputTransformer",
}
_TARGET = frozenset({*_SAME, *_PARTS, "ecsTarget", "targetId"})

ROWS = (
    Row(
        token="aws:cloudwatch/eventBus:EventBus",
        service="events",
        create="CreateEventBus",
        id="{name}",
        read="DescribeEventBus",
        delete="DeleteEventBus",
        key={"Name": "{id}"},
        renames={"arn": "Arn"},
        name=AutoName(longest=256),
        settings=(_TAGS,),
    ),
    Row(
        token="aws:cloudwatch/eventRule:EventRule",
        service="events",
        create="PutRule",
        id=lambda p: _in_bus(p, "/", p["name"]),
        imported=_imported_rule,
        update="PutRule",
        find=_find_rule,
        renames={"arn": "RuleArn"},
        prepare=_rule,
        prepared=frozenset({"isEnabled"}),
        updates=frozenset({"isEnabled"}),
        outputs=_rule_outputs,
        name=AutoName(),
        replaces=frozenset({"name", "eventBusName"}),
        settings=(_TAGS,),
        before_delete=_delete_rule,
        recorded=frozenset({"forceDestroy"}),
        defaults={"state": "ENABLED", "isEnabled": True, "eventBusName": _DEFAULT_BUS},
    ),
    Row(
        token="aws:cloudwatch/eventTarget:EventTarget",
        service="events",
        create="PutTargets",
        id=lambda p: _in_bus(p, "-", p["rule"], p["targetId"]),
        imported=_imported_target,
        created_at="",
        update="PutTargets",
        find=_find_target,
        prepare=_target,
        prepared=_TARGET,
        updates=_TARGET - {"targetId"},
        renames={"inputPaths": "InputPathsMap", "orderedPlacementStrategies": "PlacementStrategy"}
        | {"capacityProviderStrategies": "CapacityProviderStrategy"},
        outputs=_target_outputs,
        name=AutoName("targetId"),
        replaces=frozenset({"rule", "eventBusName", "targetId"}),
        before_delete=_delete_target,
        recorded=frozenset({"forceDestroy"}),
        defaults={"eventBusName": _DEFAULT_BUS},
    ),
)
