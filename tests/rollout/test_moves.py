"""What a person may do to a rollout, and the words of each refusal."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_runtime.errors import MoveRefused
from agent_runtime.rollout.decide import decide
from agent_runtime.rollout.experiments import Experiment
from agent_runtime.rollout.moves import experiment, hold, promote, resume, rollback
from agent_runtime.rollout.observation import THROUGH, Member, Observation
from agent_runtime.rollout.record import Phase, Record
from tests.rollout.samples import (
    AGENT,
    MINUTE,
    NOW,
    STEPS,
    A,
    B,
    C,
    canary,
    compared,
    evidence,
    good,
    observed,
    plan,
    shadowed,
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
            f"{A} takes every run; name with --release which one is to go back",
        ),
        (
            lambda: rollback(plan(), Record(B, previous=A), NOW),
            f"{B} takes every run; name with --release which one is to go back",
        ),
        (
            lambda: rollback(plan(), waiting(), NOW),
            f"{B} has no run and {A} takes every run; name with --release which one is to go back",
        ),
        (lambda: rollback(plan(), canary(), NOW, C), f"{C} takes no run: {A} is the stable release"),
        (lambda: rollback(plan(), Record(A), NOW, A), f"{A} has no release before it that is deployed"),
        (
            lambda: rollback(plan(releases=(B,)), watched(), NOW),
            f"{B} has no release before it that is deployed",
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
    [*map(canary, range(3)), canary(held="to look"), watched(), compared(version=7)],
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


@pytest.mark.parametrize(
    ("record", "bad"),
    [
        (waiting(), B),
        (shadowed(), B),
        (Record(B, previous=A), B),
        (Record(C, B, previous=A, phase=Phase.WAITING), C),
    ],
)
def test_what_takes_no_run_or_is_not_rolled_out_goes_back_where_it_is_named(record: Record, bad: str) -> None:
    after = rollback(plan(releases=(A, C, B)), record, NOW, bad)
    assert bad in after.rejected
    assert bad not in after.shares


def test_a_rollback_a_moment_after_the_controllers_own_sends_no_second_release_back() -> None:
    gone = decide(plan(), watched(previous=A), observed(alarms=("x",)), NOW).record
    with pytest.raises(MoveRefused, match="name with --release"):
        rollback(plan(), gone, NOW)


@pytest.mark.parametrize("stage", [0, 1])
def test_a_group_is_left_behind_by_no_move(stage: int) -> None:
    of = plan(group=(AGENT, "caller"))
    lags = replace(good(), members={"caller": Member(stage - 1)})
    fell = replace(good(), members={"caller": Member(THROUGH, fell_back=True)})
    record = canary(0) if stage else waiting()
    for found in (lags, fell):
        with pytest.raises(MoveRefused):
            promote(of, record, found, NOW)
    with pytest.raises(MoveRefused):
        experiment(of, waiting(), fell, Experiment("errors", 5_000, 10, NOW), NOW)
