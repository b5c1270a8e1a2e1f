"""What drifts from a release's first day, and what is not known."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent_runtime.rollout.comparing import Amounts
from agent_runtime.rollout.drift import (
    ALPHA,
    Drift,
    Percentile,
    Share,
    Verdict,
    Window,
    drifts,
    interval_seconds,
    is_due,
    windows,
)
from tests.rollout.samples import amounts

DAY = 86_400
METRICS = (
    "task_completion",
    "p95_tokens_per_task",
    "tool_success",
    "context_utilisation",
    "trace_quality",
    "time_to_escalation_ms",
)
GOOD = Window(
    unfinished=Share(4, 400),
    tokens=Percentile(2_000, 400),
    tool_errors=Share(10, 2_000),
    context_utilisation=amounts(400, 0.2),
    trace_defects=Amounts(400, 0, 0),
    escalation_ms=amounts(60, 30_000),
)
WORSE: dict[str, dict[str, Any]] = {
    "task_completion": {"unfinished": Share(40, 400)},
    "p95_tokens_per_task": {"tokens": Percentile(3_001, 400)},
    "tool_success": {"tool_errors": Share(60, 2_000)},
    "context_utilisation": {"context_utilisation": amounts(400, 0.3)},
    "trace_quality": {"trace_defects": Amounts(400, 60, 60)},
    "time_to_escalation_ms": {"escalation_ms": amounts(60, 60_000)},
}
BETTER = Window(
    unfinished=Share(0, 400),
    tokens=Percentile(500, 400),
    tool_errors=Share(0, 2_000),
    context_utilisation=amounts(400, 0.02),
    trace_defects=Amounts(400, 0, 0),
    escalation_ms=amounts(60, 3_000),
)
counts = st.integers(0, 2_000)
shares = st.builds(lambda bad, good: Share(bad, bad + good), counts, counts)
percentiles = st.builds(Percentile, st.none() | st.floats(0, 10**7), counts)
in_1 = st.builds(lambda n, mean: Amounts(n, n * mean, n * mean), counts, st.floats(0, 1))
measured = st.builds(
    Window,
    unfinished=st.none() | shares,
    tokens=st.none() | percentiles,
    tool_errors=st.none() | shares,
    context_utilisation=st.none() | in_1,
    trace_defects=st.none() | in_1,
    escalation_ms=st.none() | st.builds(amounts, counts, st.floats(0, 10**9)),
)


def by_metric(first: Window, last: Window) -> dict[str, Drift]:
    return {drift.metric: drift for drift in drifts(first, last)}


def test_the_same_again_is_steady() -> None:
    assert {drift.verdict for drift in drifts(GOOD, GOOD)} == {Verdict.STEADY}


@pytest.mark.parametrize("metric", METRICS)
def test_one_metric_that_is_worse_drifts_and_no_other_does(metric: str) -> None:
    found = by_metric(GOOD, replace(GOOD, **WORSE[metric]))
    assert [name for name, drift in found.items() if drift.verdict is Verdict.DRIFTED] == [metric]
    drift = found[metric]
    assert drift.first is not None
    assert drift.last is not None
    assert drift.p_value is None or drift.p_value < ALPHA
    assert (drift.p_value is None) is (metric == "p95_tokens_per_task")


def test_what_gets_better_is_no_drift() -> None:
    assert {drift.verdict for drift in drifts(GOOD, BETTER)} == {Verdict.STEADY}


@pytest.mark.parametrize("field", [field for change in WORSE.values() for field in change])
@pytest.mark.parametrize("swap", [False, True])
def test_what_could_not_be_read_is_unknown_and_neither_steady_nor_drifted(field: str, swap: bool) -> None:
    both = (GOOD, replace(GOOD, **{field: None}))
    first, last = reversed(both) if swap else both
    found = [drift for drift in drifts(first, last) if drift.verdict is Verdict.UNKNOWN]
    assert [drift.reason for drift in found] == ["it could not be read"]


def test_too_few_samples_are_unknown_whatever_they_say() -> None:
    few = Window(
        unfinished=Share(29, 29),
        tokens=Percentile(10**6, 99),
        tool_errors=Share(29, 29),
        context_utilisation=amounts(29, 0.9),
        trace_defects=Amounts(29, 29, 29),
        escalation_ms=amounts(29, 10**6),
    )
    for first, last in ((GOOD, few), (few, GOOD), (few, few)):
        found = drifts(first, last)
        assert {drift.verdict for drift in found} == {Verdict.UNKNOWN}
        assert all("are needed in each window" in drift.reason for drift in found)


def test_nothing_at_all_is_unknown() -> None:
    empty = Window(Share(0, 0), Percentile(None, 0), Share(0, 0), *(Amounts(0, 0, 0) for _ in range(3)))
    for window in (Window(), empty):
        assert {drift.verdict for drift in drifts(window, window)} == {Verdict.UNKNOWN}


def test_a_percentile_of_nothing_has_no_ratio() -> None:
    first = replace(GOOD, tokens=Percentile(0, 400))
    assert by_metric(first, GOOD)["p95_tokens_per_task"].verdict is Verdict.UNKNOWN


def test_shares_are_told_as_what_was_good() -> None:
    found = by_metric(GOOD, replace(GOOD, **WORSE["task_completion"], **WORSE["trace_quality"]))
    assert (found["task_completion"].first, found["task_completion"].last) == (0.99, 0.9)
    assert (found["trace_quality"].first, found["trace_quality"].last) == (1.0, 0.85)


@settings(deadline=None)
@given(measured, measured)
def test_each_metric_has_one_verdict_with_a_reason_in_the_same_order(first: Window, last: Window) -> None:
    found = drifts(first, last)
    assert tuple(drift.metric for drift in found) == METRICS
    assert all(drift.reason for drift in found)
    for drift in found:
        if drift.verdict is not Verdict.UNKNOWN:
            assert drift.p_value is not None or drift.ratio is not None


@settings(deadline=None)
@given(measured)
def test_nothing_drifts_from_itself(window: Window) -> None:
    assert not [drift for drift in drifts(window, window) if drift.verdict is Verdict.DRIFTED]


@settings(deadline=None)
@given(measured, measured)
def test_nothing_drifts_both_ways(first: Window, last: Window) -> None:
    def drifted(one: Window, other: Window) -> set[str]:
        return {drift.metric for drift in drifts(one, other) if drift.verdict is Verdict.DRIFTED}

    assert not drifted(first, last) & drifted(last, first)


@settings(deadline=None)
@given(st.integers(30, 2_000), st.integers(0, 2_000), st.integers(0, 2_000))
def test_one_more_failure_never_ends_a_drift(runs: int, bad: int, stable_bad: int) -> None:
    bad, first = min(bad, runs - 1), Window(unfinished=Share(min(stable_bad, runs), runs))

    def verdict(failed: int) -> Verdict:
        return by_metric(first, Window(unfinished=Share(failed, runs)))["task_completion"].verdict

    assert verdict(bad) is Verdict.STEADY or verdict(bad + 1) is Verdict.DRIFTED


@given(st.floats(0, 2e9), st.floats(0, 30 * DAY), st.integers(1, DAY // 60))
def test_windows_never_overlap_and_never_reach_out_of_the_time_of_the_release(
    since: float, age: float, minutes: int
) -> None:
    seconds, now = minutes * 60, since + age
    found = windows(since, now, seconds)
    if found is None:
        assert now <= since + seconds
        return
    first, last = found
    assert first == (since, since + seconds)
    assert first[1] <= last[0] < last[1] == now
    assert last[1] - last[0] <= seconds * (1 + 1e-9)


@pytest.mark.parametrize(
    ("window", "interval"), [(DAY, 3600), (3600, 120), (1500, 60), (600, 60), (60, 60), (43_200, 1800)]
)
def test_drift_is_measured_about_24_times_in_a_window_and_once_a_minute_at_most(
    window: int, interval: int
) -> None:
    assert interval_seconds(window) == interval
    due = [minute for minute in range(0, 2 * DAY, 60) if is_due(1_800_000_000 + minute + 17.5, window)]
    assert len(due) == 2 * DAY // interval
