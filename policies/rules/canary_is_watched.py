"""AG05: while a second version gets calls, alarms watch that version's own errors and latency."""

from collections.abc import Iterable, Iterator

from ..framework.index import StackIndex
from ..framework.outcomes import Fail, Severity
from ..framework.resource import Resource
from ..framework.rule import StackRule, types
from ..framework.values import NotKnown
from ._aliases import ALIAS, weights

_ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"
_WATCHED = {"Errors": "errors", "Duration": "latency"}


def check(alias: Resource, stack: StackIndex) -> Iterable[Fail]:
    """Answers for aliases with a weight above 0."""
    path = "routingConfig.additionalVersionWeights"
    for version, share in weights(alias).items():
        if share <= 0:
            continue
        watched, hidden = _metrics_of(version, stack)
        missing = [told for metric, told in _WATCHED.items() if metric not in watched]
        if missing and hidden is not None:
            raise hidden
        for told in missing:
            yield Fail(f"no alarm with an action watches the {told} of version {version}.", path)


def _metrics_of(version: str, stack: StackIndex) -> tuple[set[str], NotKnown | None]:
    """Metrics that alarms watch for the version, and what kept an alarm from being read."""
    found: set[str] = set()
    hidden: NotKnown | None = None
    for alarm in stack.of(_ALARM):
        try:
            if alarm.view.flag("actionsEnabled", True) and alarm.view.says("alarmActions"):
                found |= {metric for metric, of in _watched(alarm) if of == version}
        except NotKnown as unknown:
            hidden = unknown
    return found, hidden


def _watched(alarm: Resource) -> Iterator[tuple[str, str]]:
    """Metric and version, of the alarm itself and of the metrics in its expression."""
    for view in (alarm.view, *(query.view("metric") for query in alarm.view.views("metricQueries"))):
        if metric := view.text("metricName"):
            yield metric, view.view("dimensions").text("ExecutedVersion")


RULE = StackRule(
    id="AG05",
    name="canary-is-watched",
    title="A version on trial is watched by alarms of its own",
    why="In the numbers of the whole alias a fault of the few calls on trial drowns.",
    remediation=(
        "Make alarms on Errors and Duration with the dimension ExecutedVersion of the version on trial, and "
        "an action that moves the weight back; CanaryTraffic makes them."
    ),
    severity=Severity.HIGH,
    types=types(ALIAS),
    sources=("https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html",),
    check=check,
)
