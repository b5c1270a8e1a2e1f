"""AG05: while a second version gets calls, alarms watch its own errors and latency, and what is spent."""

import re
from collections.abc import Iterable, Iterator

from ..framework.index import StackIndex
from ..framework.outcomes import Fail, Severity
from ..framework.resource import Resource
from ..framework.rule import StackRule, types
from ..framework.values import NotKnown
from ._aliases import ALIAS, weights
from ._functions import FUNCTION

_ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"
_WATCHED = {"Errors": "errors", "Duration": "latency", "Cost": "cost"}
_COST = re.compile(r"cost|spend|spent|usd", re.IGNORECASE)


def check(alias: Resource, stack: StackIndex) -> Iterable[Fail]:
    """Answers for aliases with a weight above 0. Lambda has no metric of costs: one of the agent's own
    counts, by the version, or, as a release is told in it by another name, by the agent."""
    path = "routingConfig.additionalVersionWeights"
    for version, share in weights(alias).items():
        if share <= 0:
            continue
        watched, hidden = _metrics_of(version, _agent_of(alias, stack), stack)
        missing = [told for metric, told in _WATCHED.items() if metric not in watched]
        if missing and hidden is not None:
            raise hidden
        for told in missing:
            yield Fail(f"no alarm with an action watches the {told} of version {version}.", path)


def _agent_of(alias: Resource, stack: StackIndex) -> str:
    return next((function.tag("agent") for function in stack.referred(alias, "functionName", FUNCTION)), "")


def _metrics_of(version: str, agent: str, stack: StackIndex) -> tuple[set[str], NotKnown | None]:
    """Metrics that alarms watch for the version, and what kept an alarm from being read."""
    by_dimension, hidden = stack.once(_watched)
    found = by_dimension.get(version, set())
    if agent:
        found = found | (by_dimension.get(agent, set()) & {"Cost"})
    return found, hidden


def _watched(stack: StackIndex) -> tuple[dict[str, set[str]], NotKnown | None]:
    """Metrics by version, and costs by what else an alarm's dimensions name."""
    found: dict[str, set[str]] = {}
    hidden: NotKnown | None = None
    for alarm in stack.of(_ALARM):
        try:
            if alarm.view.flag("actionsEnabled", True) and alarm.view.says("alarmActions"):
                for metric, named in _metrics(alarm):
                    found.setdefault(named, set()).add(metric)
        except NotKnown as unknown:
            hidden = unknown
    return found, hidden


def _metrics(alarm: Resource) -> Iterator[tuple[str, str]]:
    """Metric and what it is of, of the alarm itself and of the metrics in its expression."""
    for view in (alarm.view, *(query.view("metric") for query in alarm.view.views("metricQueries"))):
        if metric := view.text("metricName"):
            dimensions = view.view("dimensions")
            yield metric, dimensions.text("ExecutedVersion")
            if _COST.search(metric):
                yield from (("Cost", dimensions.text(key)) for key in dimensions.held)


RULE = StackRule(
    id="AG05",
    name="canary-is-watched",
    title="A version on trial is watched by alarms of its own",
    why="In the numbers of the whole alias a fault of the few calls on trial drowns.",
    remediation=(
        "Make alarms on Errors and Duration with the dimension ExecutedVersion of the new version, and on "
        "its cost or the agent's, with an action that moves the weight back: CanaryTraffic and AgentBudget."
    ),
    severity=Severity.HIGH,
    types=types(ALIAS),
    sources=("https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html",),
    check=check,
)
