"""A candidate that only gets copies of runs: when it goes on, waits, or goes back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_runtime.rollout.actions import Action
from agent_runtime.rollout.decide import decide
from agent_runtime.rollout.observation import Observation, Shadowed
from agent_runtime.rollout.plan import Shadow
from agent_runtime.rollout.record import Phase
from tests.rollout.samples import NOW, A, B, copies, evidence, good, plan, shadowed, waiting

SHADOW = plan(shadow=Shadow(minimum_runs=20, minimum_agreement=0.8, budget_usd=1.0))


def seen_with(found: Shadowed | None) -> Observation:
    return Observation(evidence={B: evidence()}, shadowed=found)


def test_passing_evidence_begins_the_shadow_before_any_run() -> None:
    made = decide(SHADOW, waiting(), good(), NOW)
    assert (made.action, made.record.phase) == (Action.SHADOW, Phase.SHADOW)
    assert made.record.shares == {A: 10_000}


def test_without_evidence_not_even_copies_are_made() -> None:
    assert decide(SHADOW, waiting(), Observation(), NOW).action is Action.HOLD


@pytest.mark.parametrize(
    ("found", "action", "reason"),
    [
        (None, Action.HOLD, "the copies cannot be measured"),
        (copies(0), Action.HOLD, "0 of 20 copies compared"),
        (copies(19, errors=19), Action.HOLD, "19 of 20 copies compared"),
        (copies(19, cost=1.0), Action.HOLD, "19 of 20 copies compared, and their 1 USD are spent"),
        (copies(20), Action.ADVANCE, "its copies agree"),
        (copies(20, errors=1), Action.ADVANCE, "its copies agree"),
        (copies(20, errors=2), Action.GO_BACK, "2 of 20 copies failed"),
        (
            copies(20, agreement=0.5),
            Action.GO_BACK,
            "agreement with the stable release is 0.5 in 20 copies, and 0.8 is needed",
        ),
    ],
)
def test_what_the_copies_showed_decides(found: Shadowed | None, action: Action, reason: str) -> None:
    made = decide(SHADOW, shadowed(), seen_with(found), NOW)
    assert (made.action, made.reason) == (action, reason)


def test_one_that_disagrees_cannot_come_back_without_new_evidence() -> None:
    made = decide(SHADOW, shadowed(), seen_with(copies(agreement=0.1)), NOW)
    assert made.record.rejected == {B: NOW}
    assert decide(SHADOW, made.record, good(), NOW + 1).action is Action.HOLD


@given(st.integers(0, 40), st.floats(0, 3, allow_nan=False))
def test_copies_are_begun_only_while_some_are_missing_and_money_is_left(runs: int, cost_usd: float) -> None:
    found = Shadowed(runs, 0, copies(runs).agreement, cost_usd)
    made = decide(SHADOW, shadowed(), seen_with(found), NOW)
    assert (made.copies > 0) == (runs < 20 and cost_usd < 1.0)
    assert made.copies <= min(10, max(0, 20 - runs))


def test_a_plan_without_a_shadow_goes_from_evidence_to_the_first_step() -> None:
    assert decide(plan(), waiting(), good(), NOW).record.phase is Phase.CANARY


def test_a_shadow_that_is_taken_out_of_the_plan_ends_there() -> None:
    assert decide(plan(), shadowed(), good(), NOW).record.phase is Phase.CANARY
