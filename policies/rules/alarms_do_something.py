"""C38: an alarm does something, and says what it makes of silence."""

from collections.abc import Iterable

from ..framework.index import StackIndex
from ..framework.outcomes import Fail, Severity
from ..framework.resource import Resource
from ..framework.rule import StackRule, types
from ..framework.values import UNKNOWN

_METRIC = "aws:cloudwatch/metricAlarm:MetricAlarm"
_COMPOSITE = "aws:cloudwatch/compositeAlarm:CompositeAlarm"
_READERS = {
    _COMPOSITE: "alarmRule",
    "aws:ecs/service:Service": "alarms",
    "aws:codedeploy/deploymentGroup:DeploymentGroup": "alarmConfiguration",
    "aws:route53/healthCheck:HealthCheck": "cloudwatchAlarmName",
}
"""What acts on an alarm without being an action of it, by the property that names alarms."""


def check(alarm: Resource, stack: StackIndex) -> Iterable[Fail]:
    """By default actions are on, and there are none; silence, `missing`, leaves an alarm as it is."""
    if not alarm.view.flag("actionsEnabled", True):
        yield Fail("its actions are switched off.", "actionsEnabled")
    actions = alarm.props.get("alarmActions")
    if actions is not UNKNOWN and not alarm.view.items("alarmActions") and not _is_read(alarm, stack):
        yield Fail("nobody is told, and nothing acts.", "alarmActions")
    if alarm.type == _METRIC and not alarm.view.says("treatMissingData"):
        yield Fail("it does not say what silence means.", "treatMissingData")


def _is_read(alarm: Resource, stack: StackIndex) -> bool:
    if any(stack.referring(alarm, kind, by=(key,)) for kind, key in _READERS.items()):
        return True
    name = alarm.props.get("name")
    rules = (composite.props.get("alarmRule") for composite in stack.of(_COMPOSITE))
    return isinstance(name, str) and any(isinstance(rule, str) and name in rule for rule in rules)


RULE = StackRule(
    id="C38",
    name="alarms-do-something",
    title="Alarms have actions, switched on, and say what missing data means",
    why="An alarm that nobody hears is found after the incident.",
    remediation="Set alarm_actions, leave actions_enabled on, and state treat_missing_data.",
    severity=Severity.MEDIUM,
    types=types(_METRIC, _COMPOSITE),
    external={
        "Checkov": ("CKV_AWS_319",),
        "Security Hub": ("CloudWatch.15", "CloudWatch.17"),
        "cdk-nag": ("CloudWatchAlarmAction",),
    },
    sources=(
        "https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html",
        "https://docs.aws.amazon.com/securityhub/latest/userguide/cloudwatch-controls.html",
    ),
    check=check,
)
