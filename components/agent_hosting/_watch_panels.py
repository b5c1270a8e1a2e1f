"""What an agent's alarms and its dashboard measure, as plain dictionaries."""

from dataclasses import dataclass
from typing import Any

NAMESPACE = "AgentHosting"
"""Of the metrics that the runtime prints."""
PERIOD_SECONDS = 300


@dataclass(frozen=True)
class Watched:
    """One figure of an agent: a metric's statistic, or one sum as a share of another."""

    kind: str
    title: str
    metric: str
    stat: str = "Average"
    of: str = ""
    """Sum that the metric's sum is divided by; empty for the statistic itself."""
    less: str = ""
    """Sum that is taken off the divisor first."""
    is_low_bad: bool = False
    unit: float = 1.0
    """What the declared limit is multiplied by, to be in the metric's unit."""
    default: float | None = None
    """Limit where none is declared; None for no alarm."""


WATCHED = (
    Watched("failed_share", "runs that failed", "RunErrors", of="Runs", less="Escalations", default=0.1),
    Watched("p95_tokens", "tokens of a run, p95", "RunTokens", stat="p95", default=200_000),
    Watched("tool_error_share", "tool calls that failed", "ToolErrors", of="ToolCalls", default=0.1),
    Watched("context_share", "of the context window used", "ContextUtilisation", default=0.9),
    Watched("trace_quality", "steps with a whole record", "TraceQuality", is_low_bad=True, default=0.95),
    Watched("escalation_seconds", "until a run asks a person", "TimeToEscalationMs", unit=1000, default=3600),
    Watched("escalated_share", "runs that asked a person", "Escalations", of="Runs", default=0.2),
    Watched("mean_seconds", "milliseconds a run takes", "DurationMs", unit=1000),
    Watched("cost_per_run_usd", "US dollars a run costs", "SpendUsd", of="Runs"),
)
"""The first six are those whose drift the rollout controller measures."""


def alarm_queries(watched: Watched, agent: str, least_runs: int) -> list[dict[str, Any]]:
    """The alarm's figure by CloudWatch's metric math. Fewer than `least_runs` in five minutes say nothing:
    then it is the best there is."""
    calm = 1 if watched.is_low_bad else 0
    measured = "total / (runs - less)" if watched.less else "total / runs" if watched.of else "value"
    counted = watched.of or "Runs"
    asked = [("runs", counted, "Sum")]
    asked += [("total", watched.metric, "Sum")] if watched.of else [("value", watched.metric, watched.stat)]
    asked += [("less", watched.less, "Sum")] if watched.less else []
    enough = f"runs - less >= {least_runs}" if watched.less else f"runs >= {least_runs}"
    return [
        {
            "id": "measured",
            "expression": f"IF({enough}, {measured}, {calm})",
            "label": watched.kind,
            "return_data": True,
        },
        *(
            {
                "id": query,
                "metric": {
                    "namespace": NAMESPACE,
                    "metric_name": metric,
                    "dimensions": {"agent": agent},
                    "period": PERIOD_SECONDS,
                    "stat": stat,
                },
                "return_data": False,
            }
            for query, metric, stat in asked
        ),
    ]


def dashboard_body(agent: str, region: str, alarm_arns: list[str]) -> dict[str, Any]:
    """Alarms on top, then each figure over time, by release where that tells more.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html
    """
    alarms = {"type": "alarm", "x": 0, "y": 0, "width": 24, "height": 3}
    widgets: list[dict[str, Any]] = [
        {**alarms, "properties": {"title": f"{agent}: alarms", "alarms": alarm_arns}}
    ]
    ends = _lines(agent, ["Runs", "RunErrors", "Escalations"], "Sum")
    widgets.append(_widget(0, "runs and their ends", ends, region))
    by_bundle = f"SEARCH('{{{NAMESPACE},agent,bundle}} agent=\"{agent}\" MetricName=\"Runs\"', 'Sum', 300)"
    widgets.append(_widget(1, "runs by release", [[{"expression": by_bundle, "id": "releases"}]], region))
    widgets.append(_widget(2, "US dollars", _lines(agent, ["SpendUsd"], "Sum"), region))
    for number, watched in enumerate(WATCHED):
        widgets.append(_widget(3 + number, watched.title, _figure(watched, agent), region))
    return {"start": "-P1D", "widgets": widgets}


def _figure(watched: Watched, agent: str) -> list[Any]:
    if not watched.of:
        return _lines(agent, [watched.metric], watched.stat)
    divisor = "(runs - less)" if watched.less else "runs"
    hidden = [("total", watched.metric), ("runs", watched.of)]
    hidden += [("less", watched.less)] if watched.less else []
    return [
        [{"expression": f"IF({divisor} > 0, total / {divisor})", "label": watched.kind, "id": "measured"}],
        *(
            [NAMESPACE, metric, "agent", agent, {"id": query, "stat": "Sum", "visible": False}]
            for query, metric in hidden
        ),
    ]


def _lines(agent: str, metrics: list[str], stat: str) -> list[Any]:
    return [[NAMESPACE, metric, "agent", agent, {"stat": stat}] for metric in metrics]


def _widget(place: int, title: str, metrics: list[Any], region: str) -> dict[str, Any]:
    """Three to a row, below the alarms."""
    return {
        "type": "metric",
        "x": 8 * (place % 3),
        "y": 3 + 6 * (place // 3),
        "width": 8,
        "height": 6,
        "properties": {
            "title": title,
            "region": region,
            "period": PERIOD_SECONDS,
            "view": "timeSeries",
            "metrics": metrics,
        },
    }
