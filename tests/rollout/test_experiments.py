"""Two releases at fixed shares, compared once."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_runtime.errors import MoveRefused
from agent_runtime.rollout import moves
from agent_runtime.rollout.actions import Action
from agent_runtime.rollout.comparing import Amounts
from agent_runtime.rollout.decide import decide
from agent_runtime.rollout.experiments import Experiment, result_of
from agent_runtime.rollout.observation import Observation, Seen
from agent_runtime.rollout.record import Phase, Record, item_from, record_from
from tests.rollout.samples import AGENT, NOW, A, B, compared, evidence, good, observed, plan, seen, waiting

WANTED = Experiment("errors", 5_000, 100, NOW + 3_600_000)


def scored(runs: int, mean: float) -> Seen:
    """A score of 0 or 1 in each run."""
    return seen(runs, task_success=Amounts(runs, runs * mean, runs * mean))


def test_an_experiment_gives_the_candidate_its_share_and_needs_evidence_like_every_move() -> None:
    begun = moves.experiment(plan(), waiting(), good(), WANTED, NOW)
    assert begun.shares == {A: 5_000, B: 5_000}
    assert record_from(item_from(AGENT, begun)) == begun
    with pytest.raises(MoveRefused, match="no evidence"):
        moves.experiment(plan(), waiting(), Observation(), WANTED, NOW)
    with pytest.raises(MoveRefused, match="there is no candidate"):
        moves.experiment(plan(), Record(A), good(), WANTED, NOW)
    with pytest.raises(MoveRefused, match="measured are errors, escalations, latency_ms, cost_usd"):
        moves.experiment(plan(), waiting(), good(), replace(WANTED, metric="charm"), NOW)


@pytest.mark.parametrize(
    ("candidate", "stable", "is_over"), [(99, 900, False), (900, 99, False), (100, 100, True)]
)
def test_it_ends_once_each_release_has_its_runs(candidate: int, stable: int, is_over: bool) -> None:
    found = observed(evidence(), candidate=seen(candidate), stable=seen(stable))
    made = decide(plan(), compared(), found, NOW)
    assert made.action is (Action.CONCLUDE if is_over else Action.HOLD)


def test_it_ends_when_its_time_is_over_and_never_without_metrics() -> None:
    few = observed(evidence(), candidate=seen(1), stable=seen(1))
    assert decide(plan(), compared(), few, NOW + 3_600_000).action is Action.CONCLUDE
    assert decide(plan(), compared(), observed(evidence()), NOW + 3_600_000).action is Action.HOLD


def test_the_result_waits_for_a_person_with_the_candidate_at_weight_0() -> None:
    made = decide(plan(), compared(), observed(evidence(), candidate=seen(100), stable=seen(100)), NOW)
    assert made.record.shares == {A: 10_000}
    assert made.record.phase is Phase.WAITING
    assert made.record.held == "errors: 0 of 100 runs beside 0 of 100 (p = 1, effect +0.00)"
    assert decide(plan(), made.record, good(), NOW).action is Action.HOLD
    assert decide(plan(), moves.resume(made.record), good(), NOW).action is Action.ADVANCE
    assert moves.promote(plan(), made.record, good(), NOW).phase is Phase.CANARY


RESULTS = {
    "errors": (seen(200, errors=40), seen(200, errors=10), 0.0001, (0.4, 0.6)),
    "escalations": (seen(200, escalations=4), seen(200, escalations=4), 1.1, (-0.01, 0.01)),
    "latency_ms": (seen(100, latency=1_100), seen(100, latency=1_000), 0.0001, (0.8, 1.2)),
    "cost_usd": (seen(100, cost=0.04), seen(100, cost=0.05), 0.0001, (-3, -1)),
    "task_success": (scored(400, 0.9), scored(400, 0.8), 0.0002, (0.2, 0.4)),
}


@pytest.mark.parametrize("metric", RESULTS)
def test_a_result_tells_chance_and_size_of_the_difference(metric: str) -> None:
    candidate, stable, most_p, (low, high) = RESULTS[metric]
    found = result_of(metric, candidate, stable)
    assert found.p_value <= most_p
    assert low <= found.effect <= high


@given(
    st.sampled_from(sorted(RESULTS)),
    st.integers(2, 300),
    st.integers(2, 300),
    st.floats(0, 1),
    st.floats(0, 1),
)
def test_the_other_way_round_it_is_as_likely_and_of_the_opposite_sign(
    metric: str, runs: int, stable_runs: int, share: float, stable_share: float
) -> None:
    def release(of: int, part: float) -> Seen:
        bad = round(of * part)
        return replace(seen(of, bad, bad, 1_000 + part, 0.05 + part), scores=scored(of, part).scores)

    here = result_of(metric, release(runs, share), release(stable_runs, stable_share))
    there = result_of(metric, release(stable_runs, stable_share), release(runs, share))
    assert here.p_value == pytest.approx(there.p_value)
    assert here.effect == pytest.approx(-there.effect)
    assert 0 <= here.p_value <= 1
