"""From scores, latencies and costs of cases to the metrics of an evaluation: pure."""

import math
import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from agent_hosting_cli.evaluation.results import CaseResult
from agent_runtime.rollout.gates import Measured, wilson

RESAMPLES: Final = 1000
_SEED: Final = 20_240_229
"""Fixed: the same results have the same interval each time."""


@dataclass(frozen=True)
class Row:
    """What one case contributes; None is what nobody knows of it."""

    scores: dict[str, float] = field(default_factory=dict)
    latency_ms: float | None = None
    cost_usd: float | None = None
    escalated: bool | None = None


def row_of(result: CaseResult) -> Row:
    """A run that was given up has an unknown cost, and took at least as long as it was given."""
    cost = result.usage.cost_usd if result.usage else None
    return Row(result.scores, result.latency_ms, cost, result.is_escalated)


def measured(rows: Sequence[Row]) -> dict[str, Measured]:
    """Each metric that at least one row tells of. A metric that none does is absent: not measured."""
    by_metric: dict[str, list[float]] = {}
    for row in rows:
        for name, score in row.scores.items():
            by_metric.setdefault(name, []).append(score)
    found = {name: rate(scores) for name, scores in by_metric.items()}
    latencies, costs = _known(row.latency_ms for row in rows), _known(row.cost_usd for row in rows)
    escalations = [float(row.escalated) for row in rows if row.escalated is not None]
    if latencies:
        found["p95_latency_ms"] = _bootstrapped(latencies, p95)
    if costs:
        found["cost_per_run_usd"] = _bootstrapped(costs, mean)
    if escalations:
        found["escalation_rate"] = rate(escalations)
    return found


def rate(scores: Sequence[float]) -> Measured:
    """The mean of scores from 0 to 1, with the interval of a rate."""
    value = mean(scores)
    low, high = wilson(math.fsum(scores), len(scores))
    # Of nothing but ones its upper end is a rounding error below 1.
    return Measured(value=value, samples=len(scores), low=min(low, value), high=max(high, value))


def mean(values: Sequence[float]) -> float:
    """The mean; a tail such as 0.30000000000000004 is no part of it."""
    return round(math.fsum(values) / len(values), 12)


def p95(values: Sequence[float]) -> float:
    """The value that 95 % of them do not exceed: the nearest rank, so that it is one that was seen."""
    ordered = sorted(values)
    return ordered[math.ceil(0.95 * len(ordered)) - 1]


def _bootstrapped(values: list[float], statistic: Callable[[Sequence[float]], float]) -> Measured:
    """With the middle 95 % of the statistic over samples drawn from the sample."""
    chance = random.Random(_SEED)  # noqa: S311  nothing secret hangs on it
    resampled = sorted(statistic(chance.choices(values, k=len(values))) for _ in range(RESAMPLES))
    low, high = resampled[round(0.025 * RESAMPLES)], resampled[round(0.975 * RESAMPLES) - 1]
    return Measured(value=statistic(values), samples=len(values), low=low, high=high)


def _known(values: Iterable[float | None]) -> list[float]:
    return [value for value in values if value is not None]
