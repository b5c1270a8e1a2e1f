"""Reads from CloudWatch what a release did: the metrics that runs print, by agent and bundle."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from agent_runtime.metrics import NAMESPACE, SCORE
from agent_runtime.rollout.comparing import Amounts
from agent_runtime.rollout.observation import Seen, Shadowed

_log = logging.getLogger("agent_runtime.rollout.measuring")
PERIOD_SECONDS: Final = 60
"""What is printed in the embedded format is kept by the minute."""
_SUMS: Final = (
    "Runs",
    "RunErrors",
    "Escalations",
    "DurationMs",
    "DurationMsSquares",
    "SpendUsd",
    "SpendUsdSquares",
)
_OF_COPIES: Final = ("Copies", "CopyErrors", "CopyAgreement", "CopySpendUsd")
_MOST_PAGES: Final = 20
_LONGEST_SECONDS: Final = 14 * 86_400
"""Minutes are kept for 15 days:
https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html"""


class Metrics:
    """The metrics of one agent. `client` is boto3's CloudWatch client."""

    def __init__(self, client: Any, agent: str, scores: Iterable[str] = ()) -> None:
        self._client = client
        self._agent = agent
        self._scores = tuple(scores)

    def seen(self, bundle_id: str, since: float, now: float) -> Seen | None:
        """What a release did between two times, in seconds since 1970; None where nobody can say."""
        wanted = [(name, "Sum") for name in _SUMS]
        wanted += [(f"{SCORE}{name}", stat) for name in self._scores for stat in ("Sum", "SampleCount")]
        values = self._summed(bundle_id, wanted, since, now)
        return None if values is None else self._seen(values)

    def shadowed(self, bundle_id: str, since: float, now: float) -> Shadowed | None:
        """What a release did with copies of runs; None where nobody can say."""
        values = self._summed(bundle_id, [(name, "Sum") for name in _OF_COPIES], since, now)
        if values is None:
            return None
        runs, errors, agreement, cost_usd = (values[_id(name, "Sum")] for name in _OF_COPIES)
        return Shadowed(round(runs), round(errors), _parts(round(runs), agreement), cost_usd)

    def _summed(
        self, bundle_id: str, wanted: Iterable[tuple[str, str]], since: float, now: float
    ) -> dict[str, float] | None:
        queries = self._queries(bundle_id, wanted)
        begin = max(since, now - _LONGEST_SECONDS)
        found = values_of(self._client, list(queries.values()), begin, now)
        return None if found is None else {query: sum(found.get(query, ())) for query in queries}

    def _queries(self, bundle_id: str, wanted: Iterable[tuple[str, str]]) -> dict[str, Any]:
        dimensions = {"agent": self._agent, "bundle": bundle_id}
        return {
            _id(name, stat): query_of(_id(name, stat), name, stat, dimensions, PERIOD_SECONDS)
            for name, stat in wanted
        }

    def _seen(self, values: Mapping[str, float]) -> Seen:
        def total(name: str, stat: str = "Sum") -> float:
            return values[_id(name, stat)]

        runs = round(total("Runs"))
        scored = {name: round(total(f"{SCORE}{name}", "SampleCount")) for name in self._scores}
        return Seen(
            runs=runs,
            errors=round(total("RunErrors")),
            escalations=round(total("Escalations")),
            latency_ms=Amounts(runs, total("DurationMs"), total("DurationMsSquares")),
            cost_usd=Amounts(runs, total("SpendUsd"), total("SpendUsdSquares")),
            scores={name: _parts(count, total(f"{SCORE}{name}")) for name, count in scored.items()},
        )


def values_of(client: Any, queries: Sequence[Any], since: float, now: float) -> dict[str, list[float]] | None:
    """The values of each query by its id, oldest first, between two times in seconds since 1970; None where
    nobody can say. A query without any value may be left out."""
    found: dict[str, list[float]] = {}
    until = max(now, since + 1)  # CloudWatch takes whole seconds, and refuses two times that are the same
    page: dict[str, Any] = {}
    try:
        for _ in range(_MOST_PAGES):
            reply = client.get_metric_data(
                MetricDataQueries=list(queries),
                StartTime=datetime.fromtimestamp(since, UTC),
                EndTime=datetime.fromtimestamp(until, UTC),
                ScanBy="TimestampAscending",
                **page,
            )
            for result in reply["MetricDataResults"]:
                found.setdefault(result["Id"], []).extend(result["Values"])
            if not reply.get("NextToken"):
                return found
            page = {"NextToken": reply["NextToken"]}
    except (ClientError, BotoCoreError) as error:
        _log.warning("metrics not read", exc_info=error)
    return None


def query_of(query_id: str, name: str, stat: str, dimensions: Mapping[str, str], period_seconds: int) -> Any:
    """One of our metrics, as GetMetricData asks for it."""
    named = [{"Name": dimension, "Value": value} for dimension, value in dimensions.items()]
    metric = {"Namespace": NAMESPACE, "MetricName": name, "Dimensions": named}
    held = {"Metric": metric, "Period": period_seconds, "Stat": stat}
    return {"Id": query_id, "MetricStat": held, "ReturnData": True}


def alarming(client: Any, names: Iterable[str]) -> tuple[str, ...]:
    """Those of the alarms that are in ALARM. Raises botocore's errors."""
    wanted = list(names)
    if not wanted:
        return ()
    reply = client.describe_alarms(AlarmNames=wanted)
    return tuple(held["AlarmName"] for held in reply["MetricAlarms"] if held["StateValue"] == "ALARM")


def _parts(count: int, total: float) -> Amounts:
    """Of values from 0 to 1, whose squares are no greater: the spread is taken for too wide sooner than for
    too narrow, and a metric for each sum of squares is saved."""
    return Amounts(count, total, total)


def _id(name: str, stat: str) -> str:
    """Ids begin with a small letter and hold letters, digits and `_`."""
    return f"{stat.lower()}_{name}"
