"""Measures the drift of the release that serves everyone, and tells CloudWatch and the log of it."""

import logging
from typing import Any, Final, TextIO

from agent_runtime.metrics import drift_line
from agent_runtime.rollout.comparing import Amounts
from agent_runtime.rollout.drift import (
    Drift,
    Percentile,
    Share,
    Verdict,
    Window,
    drifts,
    is_due,
    memory_drifts,
    windows,
)
from agent_runtime.rollout.measuring import PERIOD_SECONDS, query_of, values_of
from agent_runtime.rollout.record import Phase
from agent_runtime.rollout.store import RolloutStore, State

_log = logging.getLogger("agent_runtime.rollout.drift_watch")
_SUMS: Final = (
    "Runs",
    "Escalations",
    "RunErrors",
    "ToolCalls",
    "ToolErrors",
    "ContextUtilisation",
    "TraceQuality",
    "TimeToEscalationMs",
    "TimeToEscalationMsSquares",
    "MemoryChurn",
    "MemoryGainedBytes",
    "MemoryGainedBytesSquares",
)
_COUNTS: Final = ("ContextUtilisation", "TraceQuality", "TimeToEscalationMs", "MemoryChurn")
_TOKENS: Final = "RunTokens"


def tell_of_drift(store: RolloutStore, cloudwatch: Any, agent: str, now: float, out: TextIO) -> None:
    """Print how many metrics have drifted, where it is time to. `now` is seconds since 1970.

    Whatever goes wrong is logged: traffic moves, and goes back, without this.
    """
    try:
        state = store.read(agent)
        if not is_due(now, state.plan.drift_window_seconds):
            return
        found = measured_drift(cloudwatch, state, now)
    except Exception as error:  # noqa: BLE001  no error of this may be one of the controller
        _log.warning("drift not measured", extra={"agent": agent}, exc_info=error)
        return
    if not found:
        return
    by_verdict = {
        verdict.value: {drift.metric: drift.reason for drift in found if drift.verdict is verdict}
        for verdict in Verdict
    }
    _log.info("drift", extra={"agent": agent, "bundle": state.record.stable, **by_verdict})
    # Of a release of which nothing is known, a 0 would say that it is healthy.
    if any(drift.verdict is not Verdict.UNKNOWN for drift in found):
        drifted = len(by_verdict[Verdict.DRIFTED.value])
        out.write(drift_line(agent=agent, drifted=drifted, now=now) + "\n")
        out.flush()


def measured_drift(cloudwatch: Any, state: State, now: float) -> list[Drift]:
    """The metrics of the release that took every run when the watch began; none outside of the watch, and
    none before its first window is over."""
    record, plan = state.record, state.plan
    if record.phase is not Phase.WATCH:
        return []
    both = windows(record.since / 1000, now, plan.drift_window_seconds)
    if both is None:
        return []
    dimensions = {"agent": plan.agent, "bundle": record.stable}
    first, last = (window_of(cloudwatch, dimensions, begin, end) for begin, end in both)
    found = drifts(first, last)
    if record.previous is not None and last.memory_churn is not None and last.memory_churn.count:
        before = {"agent": plan.agent, "bundle": record.previous}
        ends = record.since / 1000
        found += memory_drifts(window_of(cloudwatch, before, ends - plan.drift_window_seconds, ends), last)
    return found


def window_of(client: Any, dimensions: dict[str, str], begin: float, end: float) -> Window:
    """What runs with these dimensions did between two times, in seconds since 1970."""
    queries = [query_of(f"sum_{name}", name, "Sum", dimensions, PERIOD_SECONDS) for name in _SUMS]
    queries += [query_of(f"n_{name}", name, "SampleCount", dimensions, PERIOD_SECONDS) for name in _COUNTS]
    found = values_of(client, queries, begin, end)
    tokens = _tokens(client, dimensions, begin, end)
    if found is None:
        return Window(tokens=tokens)

    def total(query: str) -> float:
        return sum(found.get(query, ()))

    def share(bad: str, of: float) -> Share:
        return Share(round(total(f"sum_{bad}")), round(of))

    changes, churn = round(total("n_MemoryChurn")), total("sum_MemoryChurn")
    context, traces = total("sum_ContextUtilisation"), total("sum_TraceQuality")
    traced = round(total("n_TraceQuality"))
    defects = max(0.0, traced - traces)
    # No sums of squares are printed of what lies in 0 to 1, where no square is above its number: the
    # numbers stand for them, and a drift is told later rather than wrongly.
    return Window(
        unfinished=share("RunErrors", total("sum_Runs") - total("sum_Escalations")),
        tokens=tokens,
        tool_errors=share("ToolErrors", total("sum_ToolCalls")),
        context_utilisation=Amounts(round(total("n_ContextUtilisation")), context, context),
        trace_defects=Amounts(traced, defects, defects),
        escalation_ms=Amounts(
            round(total("n_TimeToEscalationMs")),
            total("sum_TimeToEscalationMs"),
            total("sum_TimeToEscalationMsSquares"),
        ),
        memory_gained=Amounts(changes, total("sum_MemoryGainedBytes"), total("sum_MemoryGainedBytesSquares")),
        memory_churn=Amounts(changes, churn, churn),
    )


def _tokens(client: Any, dimensions: dict[str, str], begin: float, end: float) -> Percentile | None:
    """A percentile cannot be put together from those of minutes: the whole window is one period. Where
    CloudWatch lets periods begin elsewhere, two are given, and the one with more samples counts."""
    period = max(PERIOD_SECONDS, -(-int(end - begin) // 60) * 60)
    queries = [
        query_of("p95", _TOKENS, "p95", dimensions, period),
        query_of("n", _TOKENS, "SampleCount", dimensions, period),
    ]
    found = values_of(client, queries, begin, end)
    if found is None:
        return None
    counts, values = found.get("n", []), found.get("p95", [])
    if not counts or len(counts) != len(values):
        return Percentile(None, 0)
    count, value = max(zip(counts, values, strict=True))
    return Percentile(value, round(count))
