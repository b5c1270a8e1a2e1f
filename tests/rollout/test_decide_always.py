"""What holds of every decision, whatever the record says and whatever was measured."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_runtime.rollout.actions import Action
from agent_runtime.rollout.comparing import Amounts
from agent_runtime.rollout.decide import decide
from agent_runtime.rollout.experiments import Experiment
from agent_runtime.rollout.gates import passes
from agent_runtime.rollout.observation import THROUGH, Member, Observation, Seen
from agent_runtime.rollout.plan import Plan, Shadow
from agent_runtime.rollout.record import Phase, Record
from tests.rollout.samples import (
    AGENT,
    GATE,
    NOW,
    STEPS,
    A,
    B,
    C,
    amounts,
    canary,
    compared,
    copies,
    evidence,
    good,
    plan,
    seen,
    waiting,
    watched,
)

TIMES = st.integers(NOW - 7_200_000, NOW + 60_000)
BUNDLES = st.sampled_from([A, B, C])
MEASURED = st.builds(
    seen,
    runs=st.integers(0, 200),
    errors=st.just(0) | st.integers(0, 20),
    escalations=st.just(0) | st.integers(0, 40),
    latency=st.sampled_from([900.0, 1_000.0, 1_300.0, 12_000.0]),
    cost=st.sampled_from([0.05, 0.07, 0.3]),
    grounding=st.builds(amounts, st.integers(0, 100), st.sampled_from([0.5, 1.0])),
).map(lambda found: replace(found, errors=min(found.errors, found.runs)))
EVIDENCE = st.builds(
    evidence, BUNDLES, value=st.sampled_from([0.85, 0.9, 1.0]), samples=st.integers(28, 32), at=TIMES
)
PROOFS = st.dictionaries(BUNDLES, EVIDENCE)
"""Not always of the bundle under whose name it is found."""
OBSERVATIONS = st.builds(
    Observation,
    recent=st.none() | MEASURED,
    candidate=st.none() | MEASURED,
    stable=st.none() | MEASURED,
    alarms=st.sampled_from([(), (), ("too-many-errors",)]),
    evidence=PROOFS,
    shadowed=st.none() | st.builds(copies, st.integers(0, 30), agreement=st.sampled_from([0.5, 0.9])),
    members=st.dictionaries(
        st.just("search"), st.builds(Member, st.sampled_from([0, 1, 2, 3, THROUGH]), st.booleans())
    ),
)
PLANS = st.builds(
    plan,
    shadow=st.none() | st.just(Shadow()),
    group=st.sampled_from([(), (), (AGENT, "search"), ("search", AGENT)]),
    releases=st.lists(BUNDLES, min_size=1, max_size=3, unique=True),
    running=st.sampled_from(["finish", "stop"]),
    unfit=st.dictionaries(BUNDLES, st.just("a tool is missing"), max_size=1),
    watch_seconds=st.sampled_from([0, 60, 7_200]),
)


@st.composite
def records(draw: st.DrawFn) -> Record:
    """Every shape that a sequence of decisions and moves can leave."""
    phase = draw(st.sampled_from(Phase))
    stable, other = draw(st.lists(BUNDLES, min_size=2, max_size=2, unique=True))
    has_candidate = phase not in (Phase.STEADY, Phase.WATCH)
    experiment = Experiment("errors", 5_000, 30, draw(TIMES)) if phase is Phase.EXPERIMENT else None
    step = draw(st.integers(0, len(STEPS) - 1)) if phase is Phase.CANARY else 0
    return Record(
        stable,
        candidate=other if has_candidate else None,
        candidate_basis_points=_points(phase, step),
        previous=draw(st.none() | st.just(other)) if not has_candidate else None,
        version=draw(st.integers(1, 999)),
        phase=phase,
        step=step,
        since=draw(TIMES),
        held=draw(st.sampled_from([None, "a person looks"])) if has_candidate else None,
        rejected=draw(st.dictionaries(BUNDLES, TIMES)),
        stops=draw(st.booleans()),
        experiment=experiment,
    )


def _points(phase: Phase, step: int) -> int:
    if phase is Phase.EXPERIMENT:
        return 5_000
    return STEPS[step].basis_points if phase is Phase.CANARY else 0


def share(record: Record, bundle_id: str | None) -> int:
    return record.shares.get(bundle_id or "", 0)


@given(PLANS, records(), OBSERVATIONS)
def test_no_release_gets_more_runs_without_passing_evidence_of_itself(
    of: Plan, record: Record, found: Observation
) -> None:
    made = decide(of, record, found, NOW)
    if made.action is Action.GO_BACK:
        return
    for bundle_id in (A, B, C):
        if share(made.record, bundle_id) > share(record, bundle_id):
            held = found.evidence[bundle_id]
            assert held.bundle_id == bundle_id
            assert passes(GATE, held.metrics)
            assert held.created_at > record.rejected.get(bundle_id, 0)
            assert bundle_id not in of.unfit


@given(PLANS, records(), OBSERVATIONS)
def test_a_step_is_never_skipped_nor_its_share_exceeded(of: Plan, record: Record, found: Observation) -> None:
    made = decide(of, record, found, NOW)
    if made.action is Action.ADVANCE:
        assert made.record.step == (record.step + 1 if record.phase is Phase.CANARY else 0)
        assert made.record.candidate_basis_points == STEPS[made.record.step].basis_points
        assert (made.record.phase, made.record.since) == (Phase.CANARY, NOW)
    elif made.action is Action.PROMOTE:
        assert record.phase is Phase.CANARY
        assert record.step == len(STEPS) - 1
        assert (made.record.stable, made.record.previous) == (record.candidate, record.stable)
    elif made.action is Action.CONCLUDE:
        assert made.record.shares == {record.stable: 10_000}
    elif made.action is not Action.GO_BACK:
        assert share(made.record, made.record.candidate) == share(record, made.record.candidate)


@given(PLANS, records(), OBSERVATIONS)
def test_the_version_grows_by_one_and_a_hold_changes_nothing(
    of: Plan, record: Record, found: Observation
) -> None:
    made = decide(of, record, found, NOW)
    if made.action is Action.HOLD:
        assert made.record == record
    else:
        assert made.record.version == record.version + 1
    assert made.reason


@given(PLANS, records(), OBSERVATIONS)
def test_only_going_back_rejects_and_then_exactly_the_watched_release(
    of: Plan, record: Record, found: Observation
) -> None:
    made = decide(of, record, found, NOW)
    if made.action is not Action.GO_BACK:
        assert made.record.rejected.items() <= record.rejected.items()
        return
    bad = record.watched
    assert made.record.rejected == {**record.rejected, bad or "": NOW}
    assert share(made.record, bad) == 0
    assert sum(made.record.shares.values()) == 10_000
    assert made.record.stops == (of.running == "stop")
    assert (made.record.phase, made.record.held, made.record.candidate) == (Phase.STEADY, None, None)


@given(PLANS, records(), OBSERVATIONS)
def test_who_is_held_does_not_advance(of: Plan, record: Record, found: Observation) -> None:
    made = decide(of, replace(record, held="a person looks"), found, NOW)
    assert made.action not in (Action.ADVANCE, Action.PROMOTE)


@given(PLANS, records(), OBSERVATIONS, st.sampled_from(["candidate", "stable"]))
def test_missing_metrics_never_advance_a_canary(
    of: Plan, record: Record, found: Observation, missing: str
) -> None:
    without = replace(found, **{missing: None})
    made = decide(of, record, without, NOW)
    if record.phase is Phase.CANARY:
        assert made.action in (Action.HOLD, Action.GO_BACK)


TRIGGERS: dict[str, Observation] = {
    "an alarm": replace(good(), alarms=("too-many-errors",)),
    "an alarm without metrics": Observation(alarms=("too-many-errors",)),
    "errors": replace(good(), recent=seen(100, errors=6)),
    "escalations": replace(good(), recent=seen(100, escalations=21)),
    "latency": replace(good(), recent=seen(100, latency=10_001)),
    "cost": replace(good(), recent=seen(100, cost=0.241)),
    "the fewest runs": replace(good(), recent=seen(5, errors=1)),
}


@pytest.mark.parametrize("held", [None, "a person looks"])
@pytest.mark.parametrize("trigger", TRIGGERS)
@pytest.mark.parametrize("record", [*map(canary, range(3)), watched(), watched(since=0), compared()])
def test_each_trigger_goes_back_within_the_call(record: Record, trigger: str, held: str | None) -> None:
    made = decide(plan(), replace(record, held=held), TRIGGERS[trigger], NOW)
    assert made.action is Action.GO_BACK
    assert made.record.shares == {A: 10_000}
    assert made.record.rejected == {B: NOW}


@pytest.mark.parametrize(
    "recent",
    [
        None,
        seen(4, errors=4),
        seen(100, errors=5),
        seen(100, escalations=20),
        Seen(100, latency_ms=Amounts(100, 1_000_000, 0)),
        Seen(100, cost_usd=Amounts(100, 24, 0)),
    ],
)
def test_what_is_at_its_limit_or_too_few_runs_does_not_go_back(recent: Seen | None) -> None:
    assert decide(plan(), watched(), replace(good(), recent=recent), NOW).action is Action.HOLD


@pytest.mark.parametrize("record", [Record(B, previous=A), waiting()])
@pytest.mark.parametrize("trigger", TRIGGERS)
def test_a_trigger_says_nothing_of_a_release_that_nobody_watches(record: Record, trigger: str) -> None:
    assert decide(plan(), record, TRIGGERS[trigger], NOW).action is not Action.GO_BACK


def test_a_first_release_in_trouble_stays_and_says_that_nothing_is_before_it() -> None:
    made = decide(plan(), watched(previous=None), TRIGGERS["an alarm"], NOW)
    assert made.action is Action.HOLD
    assert made.reason == "alarm too-many-errors; there is no release before it to go back to"
