"""From rows to metrics, and what better results do to a judgement."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent_hosting_cli.evaluation.measures import Row, measured, p95
from agent_runtime.rollout.gates import Gate, Threshold, judge

scores = st.floats(0, 1)
amounts = st.floats(0, 1e6)
rows = st.builds(
    Row,
    scores=st.dictionaries(st.sampled_from(["task_success", "grounding"]), scores, max_size=2),
    latency_ms=st.none() | amounts,
    cost_usd=st.none() | amounts,
    escalated=st.none() | st.booleans(),
)
few = settings(max_examples=20, deadline=None)  # each resamples 2,000 times
GATE = Gate(
    minimum_samples=3,
    thresholds={
        "task_success": Threshold(at_least=0.9),
        "p95_latency_ms": Threshold(at_most=100),
        "cost_per_run_usd": Threshold(at_most=0.1),
    },
)


@few
@given(listed=st.lists(rows, max_size=12))
def test_a_metric_is_bounded_by_its_interval_and_counts_the_rows_that_tell_of_it(listed: list[Row]) -> None:
    found = measured(listed)
    for name, one in found.items():
        assert one.low is not None
        assert one.high is not None
        assert one.low <= one.high
        assert 0 < one.samples <= len(listed)
        if name not in ("p95_latency_ms", "cost_per_run_usd"):
            assert one.low <= one.value <= one.high
    for name in ("task_success", "grounding"):
        assert (name in found) is any(name in row.scores for row in listed)
    assert found.keys() <= {
        "task_success",
        "grounding",
        "p95_latency_ms",
        "cost_per_run_usd",
        "escalation_rate",
    }


@few
@given(listed=st.lists(rows, max_size=12))
def test_the_same_rows_are_measured_the_same_each_time(listed: list[Row]) -> None:
    assert measured(listed) == measured(list(listed))


@given(values=st.lists(amounts, min_size=1, max_size=60))
def test_at_least_95_percent_are_no_slower_than_p95_which_is_one_of_them(values: list[float]) -> None:
    limit = p95(values)
    assert limit in values
    assert sum(value <= limit for value in values) >= 0.95 * len(values)
    assert sum(value < limit for value in values) < 0.95 * len(values)


@few
@given(
    plain=st.lists(st.tuples(scores, amounts, amounts), min_size=3, max_size=10),
    gain=st.floats(0, 1),
    saved=st.floats(0, 1),
)
def test_better_results_never_miss_a_threshold_that_worse_ones_met(
    plain: list[tuple[float, float, float]], gain: float, saved: float
) -> None:
    worse = [Row({"task_success": score}, latency, cost) for score, latency, cost in plain]
    better = [
        Row({"task_success": min(1.0, score + gain)}, latency * saved, cost * saved)
        for score, latency, cost in plain
    ]
    before, after = judge(GATE, measured(worse)), judge(GATE, measured(better))
    for one, other in zip(before, after, strict=True):
        assert one.reason is not None or other.reason is None


@few
@given(listed=st.lists(rows, max_size=8), fewer=st.integers(0, 8))
def test_fewer_cases_never_turn_too_few_samples_into_enough(listed: list[Row], fewer: int) -> None:
    def starved(some: list[Row]) -> set[str]:
        found = measured(some)
        counts = {name: found[name].samples if name in found else 0 for name in GATE.thresholds}
        return {name for name, count in counts.items() if count < GATE.minimum_samples}

    assert starved(listed) <= starved(listed[:fewer])
    assert all(one.reason for one in judge(GATE, measured(listed)) if one.metric in starved(listed))


def test_what_nobody_knows_is_not_measured_rather_than_nothing() -> None:
    found = measured([Row({}), Row({}, latency_ms=3.0)])
    assert set(found) == {"p95_latency_ms"}
    assert found["p95_latency_ms"].samples == 1


def test_a_mean_has_no_tail() -> None:
    assert measured([Row(cost_usd=0.1)] * 3)["cost_per_run_usd"].value == pytest.approx(0.1, abs=0)
