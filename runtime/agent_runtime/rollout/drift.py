"""Whether a release has drifted: six metrics against its own first day, and its memory against that of the
release before, in the bad direction alone. Pure.

A release that passed its gate and its canary still changes: its inputs, its tools and the model's own
surroundings do. What it did on the first day it served everyone is what it is held to.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from agent_runtime.rollout.comparing import Amounts, mean_is_worse, rate_is_worse
from agent_runtime.rollout.gates import MINIMUM_SAMPLES

ALPHA: Final = 0.001
"""Chance of a drift that is none, in each comparison: six metrics on each of seven days make about 0.05."""
MOST_RATIO: Final = 1.5
"""Of 95th percentiles: their spread is not known, so that only a plain difference counts."""
MINIMUM_FOR_P95: Final = 100
"""Of fewer samples a 95th percentile is one of the five largest, and jumps."""
_PARTS: Final = 24
"""Comparisons in one window: each hour of a day. More often they would cost more and see the same."""
Times = tuple[float, float]


class Verdict(StrEnum):
    """What is known of one metric."""

    STEADY = "steady"
    DRIFTED = "drifted"
    UNKNOWN = "unknown"
    """Too little was measured: neither healthy nor drifted."""


@dataclass(frozen=True)
class Share:
    """How many of `total` were bad."""

    bad: int
    total: int


@dataclass(frozen=True)
class Percentile:
    """The 95th percentile of `count` samples; None without any."""

    value: float | None
    count: int


@dataclass(frozen=True)
class Window:
    """What one release did in one time. None is what could not be read."""

    unfinished: Share | None = None
    """Runs that failed, of those that ended."""
    tokens: Percentile | None = None
    """Input and output tokens of a run that called a model."""
    tool_errors: Share | None = None
    """Calls of tools that raised."""
    context_utilisation: Amounts | None = None
    """Share of the model's context window that a run's largest input took, 0 to 1."""
    trace_defects: Amounts | None = None
    """Share of a run's steps whose record is not whole, 0 to 1."""
    escalation_ms: Amounts | None = None
    """Milliseconds to a run's first question to a person, of runs that asked one."""
    memory_gained: Amounts | None = None
    """Bytes by which a run made its session's memory larger, of runs that changed it."""
    memory_churn: Amounts | None = None
    """Share of the keys of that memory that such a run changed, 0 to 1."""


@dataclass(frozen=True)
class Drift:
    """One metric against the first day or the release before. `p_value` or `ratio` is what the verdict rests
    on."""

    metric: str
    verdict: Verdict
    reason: str
    first: float | None = None
    last: float | None = None
    p_value: float | None = None
    ratio: float | None = None
    """Last by first."""


def drifts(first: Window, last: Window) -> list[Drift]:
    """Each of the six metrics, always in the same order. A longer time to escalation is the bad direction:
    people wait for it. Runs that give up sooner are seen by the rate of escalations, which a limit holds."""
    return [
        _rate("task_completion", first.unfinished, last.unfinished),
        _p95("p95_tokens_per_task", first.tokens, last.tokens),
        _rate("tool_success", first.tool_errors, last.tool_errors),
        _mean("context_utilisation", first.context_utilisation, last.context_utilisation),
        _mean("trace_quality", first.trace_defects, last.trace_defects, shown=lambda defects: 1 - defects),
        _mean("time_to_escalation_ms", first.escalation_ms, last.escalation_ms),
    ]


def memory_drifts(before: Window, last: Window) -> list[Drift]:
    """What the release makes of its sessions' memory, against what the release before made of it in the
    window before the watch; nothing of an agent without memory.

    Sizes themselves are no measure: new sessions are pinned to the new release, so that its memories are the
    younger ones. How much a run adds, and how much of what is there it changes, depends less on that.
    """
    if not any(window.memory_churn and window.memory_churn.count for window in (before, last)):
        return []
    return [
        _mean("memory_growth_bytes", before.memory_gained, last.memory_gained),
        _mean("memory_churn", before.memory_churn, last.memory_churn),
    ]


def windows(
    since: float, now: float, seconds: float
) -> tuple[tuple[float, float], tuple[float, float]] | None:
    """Begin and end of the first and of the last window, in seconds since 1970, for a release that serves
    everyone `since` then. They never overlap; None before the first is over."""
    first_ends = since + seconds
    if now <= first_ends:
        return None
    return (since, first_ends), (max(first_ends, now - seconds), now)


def interval_seconds(window_seconds: int) -> int:
    """How often drift is measured: whole minutes, since the controller is called each minute."""
    return max(60, window_seconds // _PARTS // 60 * 60)


def is_due(now: float, window_seconds: int) -> bool:
    """Whether drift is measured in the minute of `now`."""
    return int(now) // 60 * 60 % interval_seconds(window_seconds) == 0


def _rate(metric: str, first: Share | None, last: Share | None) -> Drift:
    """Told as the share that was good."""
    if first is None or last is None:
        return _unread(metric)
    good = [_good(share) for share in (first, last)]
    if (few := _few(first.total, last.total)) is not None:
        return Drift(metric, Verdict.UNKNOWN, few, *good)
    chance = rate_is_worse(last.bad, last.total, first.bad, first.total)
    return _tested(metric, chance, *good)


def _mean(
    metric: str,
    first: Amounts | None,
    last: Amounts | None,
    shown: Callable[[float], float] = lambda mean: mean,
) -> Drift:
    if first is None or last is None:
        return _unread(metric)
    means = [shown(amounts.mean) if amounts.count else None for amounts in (first, last)]
    if (few := _few(first.count, last.count)) is not None:
        return Drift(metric, Verdict.UNKNOWN, few, *means)
    return _tested(metric, mean_is_worse(last, first), *means)


def _p95(metric: str, first: Percentile | None, last: Percentile | None) -> Drift:
    if first is None or last is None:
        return _unread(metric)
    if (few := _few(first.count, last.count, MINIMUM_FOR_P95)) is not None:
        return Drift(metric, Verdict.UNKNOWN, few, first.value, last.value)
    if first.value is None or last.value is None or first.value <= 0:
        return Drift(metric, Verdict.UNKNOWN, "there is no percentile to compare", first.value, last.value)
    ratio = last.value / first.value
    verdict = Verdict.DRIFTED if ratio > MOST_RATIO else Verdict.STEADY
    reason = f"{ratio:.3g} times the first window's, and {MOST_RATIO:g} are allowed"
    return Drift(metric, verdict, reason, first.value, last.value, ratio=ratio)


def _tested(metric: str, chance: float, first: float | None, last: float | None) -> Drift:
    verdict = Verdict.DRIFTED if chance < ALPHA else Verdict.STEADY
    ratio = last / first if first and last is not None else None
    return Drift(metric, verdict, f"p = {chance:.2g}", first, last, chance, ratio)


def _few(first: int, last: int, needed: int = MINIMUM_SAMPLES) -> str | None:
    if min(first, last) >= needed:
        return None
    return f"{first} and {last} samples, and {needed} are needed in each window"


def _good(share: Share) -> float | None:
    return 1 - min(share.bad, share.total) / share.total if share.total > 0 else None


def _unread(metric: str) -> Drift:
    return Drift(metric, Verdict.UNKNOWN, "it could not be read")
