"""Application Auto Scaling: scalable targets, their policies and scheduled actions."""

from typing import Any

from embedded_aws.provider.rows import AutoName, Row
from embedded_aws.provider.values import Properties

_TARGET = {
    "ServiceNamespace": "{serviceNamespace}",
    "ResourceId": "{resourceId}",
    "ResourceIds": "{resourceId}",
    "ScalableDimension": "{scalableDimension}",
}
_PLACE = frozenset({"serviceNamespace", "resourceId", "scalableDimension"})


def _imported_target(import_id: str) -> Properties:
    """`ecs/service/cluster/name/ecs:service:DesiredCount`: the resource's own id holds slashes."""
    namespace, rest = import_id.split("/", 1)
    resource, dimension = rest.rsplit("/", 1)
    return {"serviceNamespace": namespace, "resourceId": resource, "scalableDimension": dimension}


def _imported_policy(import_id: str) -> Properties:
    target, name = import_id.rsplit("/", 1)
    return {**_imported_target(target), "name": name}


def _alarms(policy: Any) -> Properties:
    return {"alarmArns": [alarm["AlarmARN"] for alarm in policy.get("Alarms", [])]}


ROWS = (
    Row(
        token="aws:appautoscaling/target:Target",
        service="application-autoscaling",
        create="RegisterScalableTarget",
        id="{resourceId}",
        imported=_imported_target,
        created_at="",
        read="DescribeScalableTargets",
        at="ScalableTargets[0]",
        update="RegisterScalableTarget",
        delete="DeregisterScalableTarget",
        key=_TARGET,
        renames={"arn": "ScalableTargetARN"},
        replaces=_PLACE,
        recorded=frozenset({"tags"}),
        defaults={
            "suspendedState": {
                "dynamicScalingInSuspended": False,
                "dynamicScalingOutSuspended": False,
                "scheduledScalingSuspended": False,
            }
        },
    ),
    Row(
        token="aws:appautoscaling/policy:Policy",
        service="application-autoscaling",
        create="PutScalingPolicy",
        id="{name}",
        imported=_imported_policy,
        created_at="",
        read="DescribeScalingPolicies",
        at="ScalingPolicies[?PolicyName=='{name}'] | [0]",  # moto does not look at the names asked for
        update="PutScalingPolicy",
        delete="DeleteScalingPolicy",
        key={**_TARGET, "PolicyName": "{name}", "PolicyNames": "{name}"},
        renames={"name": "PolicyName", "arn": "PolicyARN"},
        outputs=_alarms,
        name=AutoName(longest=256),
        replaces=_PLACE | {"name"},
        defaults={"policyType": "StepScaling"},
    ),
    Row(
        token="aws:appautoscaling/scheduledAction:ScheduledAction",
        service="application-autoscaling",
        create="PutScheduledAction",
        id=lambda p: f"{p['name']}-{p['serviceNamespace']}-{p['resourceId']}",
        created_at="",
        read="DescribeScheduledActions",
        at="ScheduledActions[0]",
        update="PutScheduledAction",
        delete="DeleteScheduledAction",
        key={**_TARGET, "ScheduledActionName": "{name}", "ScheduledActionNames": "{name}"},
        renames={"name": "ScheduledActionName", "arn": "ScheduledActionARN"},
        name=AutoName(longest=256),
        replaces=_PLACE | {"name"},
        defaults={"timezone": "UTC"},
    ),
)
