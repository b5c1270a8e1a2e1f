"""How a release comes to serve everyone, or is forgotten, held or let in again."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_runtime.rollout.actions import Action
from agent_runtime.rollout.decide import decide
from agent_runtime.rollout.gates import Threshold
from agent_runtime.rollout.moves import promote
from agent_runtime.rollout.observation import Observation, Seen
from agent_runtime.rollout.plan import Plan, Step
from agent_runtime.rollout.record import MOST_REJECTED, Phase, Record
from tests.rollout.samples import (
    GATE,
    MINUTE,
    NOW,
    A,
    B,
    C,
    amounts,
    canary,
    compared,
    evidence,
    good,
    observed,
    plan,
    seen,
    waiting,
    watched,
)


@st.composite
def steps(draw: st.DrawFn) -> tuple[Step, ...]:
    shares = [*sorted(draw(st.sets(st.integers(1, 9_999), max_size=4))), 10_000]
    return tuple(
        Step(
            basis_points=points,
            hold_seconds=draw(st.integers(0, 900)),
            minimum_runs=draw(st.integers(1, 200)),
        )
        for points in shares
    )


@given(steps(), st.integers(0, 3_600), st.integers(20, 100))
def test_a_good_release_takes_each_share_and_comes_to_rest(
    path: tuple[Step, ...], watch_seconds: int, runs_a_minute: int
) -> None:
    of = plan(steps=path, watch_seconds=watch_seconds)
    longest = (
        3 + watch_seconds // 60 + sum(2 + int(s.hold_seconds) // 60 + s.minimum_runs // 20 for s in path)
    )
    record, now, shares = Record(A), NOW, []
    for _ in range(longest):
        runs = runs_a_minute * (now - record.since) // MINUTE if record.since else 0
        record = decide(of, record, good(runs=runs), now).record
        if record.candidate_basis_points not in (0, *shares):
            shares.append(record.candidate_basis_points)
        now += MINUTE
    assert shares == [step.basis_points for step in path]
    assert (record.stable, record.previous, record.phase) == (B, A, Phase.STEADY)
    assert record.shares == {B: 10_000}
    assert decide(of, record, good(), now).action is Action.HOLD


@given(at=st.integers(NOW - 1000, NOW + 1000))
def test_a_release_that_was_sent_back_needs_evidence_newer_than_that(at: int) -> None:
    made = decide(plan(), Record(A, rejected={B: NOW}), good(evidence(at=at)), NOW + 5000)
    assert made.action is (Action.BEGIN if at > NOW else Action.HOLD)
    waits = replace(waiting(), rejected={B: NOW})
    made = decide(plan(), waits, good(evidence(at=at)), NOW + 5000)
    assert made.action is (Action.ADVANCE if at > NOW else Action.HOLD)


def test_going_back_twice_notes_the_later_time_alone() -> None:
    made = decide(plan(), canary(rejected={B: 5, C: 6}), observed(alarms=("x",)), NOW)
    assert made.record.rejected == {B: NOW, C: 6}


def test_the_oldest_rejections_are_forgotten() -> None:
    old = {f"{number:012x}": number for number in range(MOST_REJECTED)}
    rejected = decide(plan(), canary(rejected=old), observed(alarms=("x",)), NOW).record.rejected
    assert rejected == {B: NOW} | {bundle: at for bundle, at in old.items() if at > 0}


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        (observed(), f"no evidence for {B}"),
        (observed(evidence(A), evidence(C)), f"no evidence for {B}"),
        (Observation(evidence={B: evidence(A)}), f"no evidence for {B}"),
        (observed(evidence(value=0.89)), "task_success is 0.89, and >= 0.9 is needed"),
        (observed(evidence(samples=29)), "task_success has 29 samples, and 30 are needed"),
    ],
)
@pytest.mark.parametrize("record", [waiting(), canary(1), compared()])
def test_who_lacks_something_gets_no_run_or_loses_those_that_it_has(
    record: Record, found: Observation, reason: str
) -> None:
    made = decide(plan(), record, found, NOW)
    expected = Action.GO_BACK if record.candidate_basis_points else Action.HOLD
    assert (made.action, made.reason) == (expected, reason)


@pytest.mark.parametrize("record", [waiting(), canary(1), compared()])
def test_a_candidate_that_the_environment_does_not_serve_gets_no_run_whatever_it_has_shown(
    record: Record,
) -> None:
    made = decide(plan(unfit={B: "tool search is missing"}), record, good(evidence()), NOW)
    expected = Action.GO_BACK if record.candidate_basis_points else Action.HOLD
    assert (made.action, made.reason) == (expected, "tool search is missing")
    other = decide(plan(unfit={A: "tool search is missing"}), record, good(evidence()), NOW)
    assert other.reason != "tool search is missing"


@pytest.mark.parametrize("record", [Record(A), Record(A, C, phase=Phase.WAITING)])
def test_the_newest_release_becomes_the_candidate_without_a_run(record: Record) -> None:
    made = decide(plan(), record, observed(), NOW)
    assert (made.action, made.record.candidate, made.record.phase) == (Action.BEGIN, B, Phase.WAITING)
    assert made.record.shares == {A: 10_000}


def test_a_newer_release_does_not_take_the_place_of_one_that_has_runs() -> None:
    of = plan(releases=(A, B, C))
    made = decide(of, canary(since=NOW - MINUTE), good(evidence(B), evidence(C)), NOW)
    assert (made.action, made.record.candidate) == (Action.HOLD, B)


def test_a_candidate_that_is_no_longer_deployed_is_dropped() -> None:
    made = decide(plan(releases=(A,)), waiting(), good(), NOW)
    assert (made.action, made.record.candidate, made.record.phase) == (Action.DROP, None, Phase.STEADY)


def test_the_watch_ends_with_its_time_and_keeps_what_one_could_go_back_to() -> None:
    of, record = plan(), watched(since=NOW - 3_600_000)
    assert decide(of, record, good(), NOW - 1).action is Action.HOLD
    made = decide(of, record, good(), NOW)
    assert (made.action, made.record.previous, made.record.phase) == (Action.SETTLE, A, Phase.STEADY)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"errors": 6}, "more errors"),
        ({"escalations": 6}, "more escalations"),
        ({"latency": 1_200.0}, "slower"),
        ({"cost": 0.06}, "dearer"),
    ],
)
def test_a_candidate_that_is_worse_goes_back_at_the_end_of_its_step(
    changes: dict[str, float], reason: str
) -> None:
    bad = observed(evidence(), candidate=seen(200, **changes), stable=seen(200))  # pyright: ignore
    early = decide(plan(), canary(since=NOW - MINUTE), bad, NOW)
    assert early.action is Action.HOLD
    made = decide(plan(), canary(), bad, NOW)
    assert made.action is Action.GO_BACK
    assert made.reason.startswith(f"{reason} than the stable release: ")


def test_a_candidate_whose_runs_begin_cold_is_not_sent_back_for_what_no_caller_notices() -> None:
    cold = observed(evidence(), candidate=seen(200, latency=95.0), stable=seen(200, latency=10.0))
    assert decide(plan(), canary(), cold, NOW).action is Action.ADVANCE


def scored(runs: int, each: float) -> tuple[Plan, Observation]:
    """A plan whose candidate is held to a score, and what its runs reported."""
    gate = GATE.model_copy(
        update={"thresholds": {**GATE.thresholds, "grounding": Threshold(at_least=0.8)}},
    )
    proof = evidence()
    metrics = {**proof.metrics, "grounding": proof.metrics["task_success"]}
    found = observed(
        proof.model_copy(update={"metrics": metrics}),
        candidate=seen(grounding=amounts(runs, each)),
        stable=seen(),
    )
    return plan(gate=gate, scores=("grounding",)), found


@pytest.mark.parametrize(
    ("runs", "each", "action", "reason"),
    [
        (0, 0.0, Action.HOLD, "0 of 50 runs reported grounding"),
        (49, 0.9, Action.HOLD, "49 of 50 runs reported grounding"),
        (50, 0.9, Action.ADVANCE, "it is no worse"),
        (50, 0.7, Action.GO_BACK, "grounding is 0.7 in 50 runs, and >= 0.8 is needed"),
    ],
)
def test_a_candidate_is_held_to_the_scores_that_its_runs_report(
    runs: int, each: float, action: Action, reason: str
) -> None:
    of, found = scored(runs, each)
    made = decide(of, canary(), found, NOW)
    assert (made.action, made.reason) == (action, reason)


@pytest.mark.parametrize(
    ("runs", "since", "reason"),
    [
        (49, NOW - 600_000, "49 of 50 runs in this step"),
        (50, NOW - 599_000, "step 1 of 3: 1 s are left"),
    ],
)
def test_a_step_needs_both_its_time_and_its_runs(runs: int, since: int, reason: str) -> None:
    made = decide(plan(), canary(since=since), good(runs=runs), NOW)
    assert (made.action, made.reason) == (Action.HOLD, reason)
    assert decide(plan(), canary(since=NOW - 600_000), good(runs=50), NOW).action is Action.ADVANCE


@pytest.mark.parametrize("bad", [seen(60, errors=60), seen(60, latency=20_000), seen(60, cost=1.0)])
def test_with_every_run_and_nobody_to_compare_with_the_limits_judge_the_step(bad: Seen) -> None:
    alone = observed(evidence(), recent=seen(4), candidate=bad, stable=seen(0))
    made = decide(plan(), canary(2), alone, NOW)
    assert made.action is Action.GO_BACK
    assert made.reason.endswith("is allowed, in this step")


def test_a_watched_release_stays_where_the_one_before_is_no_longer_deployed() -> None:
    made = decide(plan(releases=(B,)), watched(), observed(alarms=("x",)), NOW)
    assert made.action is Action.HOLD
    assert "no release before it" in made.reason


def test_who_is_promoted_after_an_experiment_is_not_held_by_its_result() -> None:
    held = waiting(held="errors: 0 of 100 runs")
    assert promote(plan(), held, good(), NOW).held is None
