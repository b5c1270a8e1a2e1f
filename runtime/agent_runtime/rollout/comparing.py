"""Whether a candidate is worse than the stable release: one-sided tests over what both did in the same time.

A bare mean would advance on luck and go back on noise. No package of statistics is imported, since this
runs in a function that starts cold.
"""

import math
from dataclasses import dataclass
from statistics import NormalDist

_AS_GOOD_AS_NORMAL = 1_000
"""Degrees of freedom from which Student's t differs from the normal distribution by less than 0.0002."""
_PARTS = 200


@dataclass(frozen=True)
class Amounts:
    """Sum and sum of squares of an amount over `count` runs."""

    count: int
    total: float
    squares: float

    @property
    def mean(self) -> float:
        return self.total / self.count if self.count else 0.0

    @property
    def variance(self) -> float:
        """Of the sample, unbiased; rounding may not make it negative."""
        if self.count < 2:
            return 0.0
        return max(0.0, (self.squares - self.total * self.total / self.count) / (self.count - 1))


def rate_is_worse(bad: int, runs: int, stable_bad: int, stable_runs: int) -> float:
    """Chance of seeing at least `bad` of `runs` if the candidate's rate were the stable one's: Fisher's exact
    test, one-sided. 1.0 where either has no runs."""
    if runs <= 0 or stable_runs <= 0:
        return 1.0
    # Metrics may be read a moment out of step: more runs that failed than runs are all of them.
    bad, stable_bad = min(bad, runs), min(stable_bad, stable_runs)
    together = bad + stable_bad
    all_ways = _log_ways(runs + stable_runs, together)
    worse = (
        math.exp(_log_ways(runs, n) + _log_ways(stable_runs, together - n) - all_ways)
        for n in range(max(bad, together - stable_runs), min(together, runs) + 1)
    )
    return min(1.0, round(math.fsum(worse), 9))


def mean_is_worse(candidate: Amounts, stable: Amounts, margin: float = 0.1, least: float = 0.0) -> float:
    """Chance of the candidate's mean if it were at most `margin` of the stable one's above it, or at most
    `least`, whichever allows more: Welch's test, one-sided, with no more degrees of freedom than the smaller
    of both gives. 1.0 where either has fewer than two runs."""
    if candidate.count < 2 or stable.count < 2:
        return 1.0
    allowed = (1 + margin) * (1 + margin)
    above = candidate.mean - stable.mean - max(margin * stable.mean, least)
    spread = math.sqrt(candidate.variance / candidate.count + allowed * stable.variance / stable.count)
    if spread == 0.0:
        return 0.0 if above > 0 else 1.0
    return _student(above / spread, min(candidate.count, stable.count) - 1)


def _log_ways(of: int, chosen: int) -> float:
    """Logarithm of the number of ways to choose: the number itself has thousands of digits."""
    return math.lgamma(of + 1) - math.lgamma(chosen + 1) - math.lgamma(of - chosen + 1)


def _student(value: float, freedom: int) -> float:
    """Chance of a value of Student's t that is greater. With few runs it is far above the normal one's, which
    would send a release back for its second slow run. t = sqrt(freedom) tan(angle), by Simpson's rule."""
    if freedom > _AS_GOOD_AS_NORMAL:
        return 1.0 - NormalDist().cdf(value)
    begin = math.atan2(value, math.sqrt(freedom))
    width = (math.pi / 2 - begin) / _PARTS
    heights = [max(0.0, math.cos(begin + n * width)) ** (freedom - 1) for n in range(_PARTS + 1)]
    area = width / 3 * math.fsum((heights[0], 4 * sum(heights[1::2]), 2 * sum(heights[2:-1:2]), heights[-1]))
    whole = math.exp(math.lgamma(freedom / 2) + math.lgamma(0.5) - math.lgamma((freedom + 1) / 2))
    return min(1.0, area / whole)
