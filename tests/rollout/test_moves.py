"""What a person may do to a rollout, and the words of each refusal."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_runtime.errors import MoveRefused
from agent_runtime.rollout.moves import hold, promote, resume, rollback
from agent_runtime.rollout.observation import Observation
from agent_runtime.rollout.record import Phase, Record
from tests.rollout.samples import (
    MINUTE,
    NOW,
    STEPS,
    A,
    B,
    C,
    canary,
    evidence,
    good,
    observed,
    plan,
    waiting,
    watched,
)


def test_promoting_again_and_again_takes_every_step() -> None:
    record, shares = waiting(held="to look"), []
    while record.candidate is not None:
        after = promote(plan(), record, good(), NOW)
        assert after.version == record.version + 1
        record = after
        shares.append(record.candidate_basis_points)
    assert shares == [*(step.basis_points for step in STEPS), 0]
    assert (record.stable, record.previous, record.phase) == (B, A, Phase.WATCH)
    assert record.since == NOW


@pytest.mark.parametrize("record", [waiting(), *map(canary, range(3))])
@pytest.mark.parametrize(
    ("found", "words"),
    [
        (observed(), f"no evidence for {B}"),
        (observed(evidence(A)), f"no evidence for {B}"),
        (observed(evidence(value=0.5)), "task_success is 0.5, and >= 0.9 is needed"),
    ],
)
def test_nobody_promotes_without_passing_evidence(record: Record, found: Observation, words: str) -> None:
    with pytest.raises(MoveRefused) as refused:
        promote(plan(), record, found, NOW)
    assert str(refused.value) == words


@pytest.mark.parametrize("record", [waiting(), *map(canary, range(3))])
def test_nobody_promotes_what_the_environment_does_not_serve(record: Record) -> None:
    with pytest.raises(MoveRefused, match=r"^tool search is missing$"):
        promote(plan(unfit={B: "tool search is missing"}), record, good(), NOW)


def test_nobody_promotes_what_was_sent_back_since_its_evidence() -> None:
    with pytest.raises(MoveRefused, match=f"{B} was sent back, and its evidence is older than that"):
        promote(plan(), waiting(rejected={B: NOW}), good(evidence(at=NOW)), NOW)
    assert promote(plan(), waiting(rejected={B: NOW}), good(evidence(at=NOW + 1)), NOW).step == 0


@pytest.mark.parametrize(
    ("move", "words"),
    [
        (lambda: promote(plan(), Record(A), good(), NOW), f"there is no candidate: {A} takes every run"),
        (lambda: promote(plan(), watched(), good(), NOW), f"there is no candidate: {B} takes every run"),
        (lambda: hold(Record(A), "to look"), f"there is no candidate to hold: {A} takes every run"),
        (lambda: hold(watched(), "to look"), f"there is no candidate to hold: {B} takes every run"),
        (lambda: resume(Record(A)), "nothing is held"),
        (lambda: resume(canary()), "nothing is held"),
        (
            lambda: rollback(plan(), Record(A), NOW),
            f"{A} serves alone, and no release before it is known",
        ),
    ],
)
def test_each_refusal_says_why(move: Callable[[], Record], words: str) -> None:
    with pytest.raises(MoveRefused) as refused:
        move()
    assert str(refused.value) == words


@given(st.text(min_size=1))
def test_a_hold_changes_its_reason_alone_and_resume_takes_it_back(reason: str) -> None:
    held = hold(canary(1), reason)
    assert held == canary(1, held=reason, version=8)
    assert resume(held) == canary(1, version=9)


@pytest.mark.parametrize("running", ["finish", "stop"])
@pytest.mark.parametrize(
    "record",
    [waiting(), *map(canary, range(3)), canary(held="to look"), watched(), Record(B, previous=A, version=7)],
)
def test_a_rollback_gives_every_run_to_the_release_before(record: Record, running: str) -> None:
    after = rollback(plan(running=running), record, NOW)
    expected = Record(A, version=8, since=NOW, rejected={B: NOW}, stops=running == "stop")
    assert after == expected


def test_a_second_rollback_has_nowhere_to_go() -> None:
    with pytest.raises(MoveRefused):
        rollback(plan(), rollback(plan(), watched(), NOW), NOW + MINUTE)


def test_a_rollback_keeps_earlier_rejections() -> None:
    assert rollback(plan(), canary(rejected={C: 5}), NOW).rejected == {B: NOW, C: 5}
