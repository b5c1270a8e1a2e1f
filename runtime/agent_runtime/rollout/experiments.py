"""Two releases at fixed shares, compared once on a metric that was declared before: pure.

The sample size is fixed at the start and the result is worked out once, at the end: who looks at a p-value
again and again until it is small enough finds a difference that is not there.
"""

import math
from dataclasses import dataclass
from typing import Final

from agent_runtime.rollout.comparing import Amounts, mean_is_worse, rate_is_worse
from agent_runtime.rollout.observation import Seen

RATES: Final = ("errors", "escalations")
MEANS: Final = ("latency_ms", "cost_usd")
"""What every run reports; beside them stand the scores of the plan."""


@dataclass(frozen=True)
class Experiment:
    """What is compared, at which share, and when it stops."""

    metric: str
    basis_points: int
    """Share of the candidate; the stable release has the rest."""
    minimum_runs: int
    """Runs of each release, after which it stops."""
    ends_at: int
    """When it stops at the latest, in milliseconds since 1970."""


@dataclass(frozen=True)
class Result:
    """The candidate's value beside the stable release's."""

    metric: str
    candidate: float
    stable: float
    candidate_runs: int
    stable_runs: int
    p_value: float
    """Chance of so great a difference, either way, between two releases that are alike."""
    effect: float
    """Cohen's h of two rates or d of two means: 0.2 is small, 0.5 medium, 0.8 large, above 0 where the
    candidate's value is greater."""

    def text(self) -> str:
        """One line for people."""
        values = f"{self.candidate:.4g} of {self.candidate_runs} runs beside {self.stable:.4g}"
        judged = f"p = {self.p_value:.2g}, effect {self.effect:+.2f}"
        return f"{self.metric}: {values} of {self.stable_runs} ({judged})"


def is_over(experiment: Experiment, candidate: Seen, stable: Seen, now: int) -> bool:
    """Whether both have their runs, or the time is over."""
    fewest = min(_runs(experiment.metric, candidate), _runs(experiment.metric, stable))
    return fewest >= experiment.minimum_runs or now >= experiment.ends_at


def result_of(metric: str, candidate: Seen, stable: Seen) -> Result:
    """The comparison of two releases on one metric."""
    runs, stable_runs = _runs(metric, candidate), _runs(metric, stable)
    if metric in RATES:
        bad, stable_bad = _count(metric, candidate), _count(metric, stable)
        less = rate_is_worse(stable_bad, stable_runs, bad, runs)
        more = rate_is_worse(bad, runs, stable_bad, stable_runs)
        value, stable_value = _share(bad, runs), _share(stable_bad, stable_runs)
        effect = 2 * math.asin(math.sqrt(value)) - 2 * math.asin(math.sqrt(stable_value))
    else:
        found, beside = _amounts(metric, candidate), _amounts(metric, stable)
        less, more = mean_is_worse(beside, found, margin=0.0), mean_is_worse(found, beside, margin=0.0)
        value, stable_value = found.mean, beside.mean
        spread = math.sqrt((found.variance + beside.variance) / 2)
        effect = (value - stable_value) / spread if spread else 0.0
    p_value = min(1.0, 2 * min(less, more))
    return Result(metric, value, stable_value, runs, stable_runs, p_value, effect)


def _runs(metric: str, seen: Seen) -> int:
    """Runs that reported the metric."""
    return seen.runs if metric in RATES else _amounts(metric, seen).count


def _count(metric: str, seen: Seen) -> int:
    return min(seen.runs, seen.errors if metric == "errors" else seen.escalations)


def _amounts(metric: str, seen: Seen) -> Amounts:
    if metric in MEANS:
        return seen.latency_ms if metric == "latency_ms" else seen.cost_usd
    return seen.scores.get(metric, Amounts(0, 0.0, 0.0))


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0
