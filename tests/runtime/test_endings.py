"""What becomes of a run and its message."""

import inspect
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_runtime import errors
from agent_runtime.errors import (
    Braked,
    CheckpointBlobLost,
    GuardTripped,
    ModelAuthFailed,
    ModelRejected,
    ModelReplyInvalid,
    ModelUnavailable,
    ResultNotJson,
    SecretNotDeclared,
    SecretUnavailable,
    SettingsError,
    StepInDoubt,
    StepLimitExceeded,
    StepMismatch,
    Suspended,
)
from agent_runtime.heads import QUEUED_SECONDS
from agent_runtime.hosts.endings import (
    GUARDED_SECONDS,
    LONGEST_DELAY_SECONDS,
    LONGEST_RETRY_SECONDS,
    PARKED_SECONDS,
    Ending,
    ending,
)
from agent_runtime.records import ENDED, RunStatus

NOW = 1_800_000_000.0
PASSING = tuple(kind for kind in errors.PASSING if kind is not GuardTripped)
DONE, DEAD, QUEUED = RunStatus.DONE, RunStatus.DEAD, RunStatus.QUEUED
PARKED, SLEEPING, WAITING = RunStatus.PARKED, RunStatus.SLEEPING, RunStatus.WAITING_APPROVAL
CLASSES = [kind for _, kind in inspect.getmembers(errors, inspect.isclass)] + [ValueError, OSError, KeyError]
statuses = st.sampled_from([QUEUED, SLEEPING, WAITING])

GIVEN: dict[type[Exception], tuple[Any, ...]] = {
    errors.CapReached: ("tenant", "day", 0.9, 1.0, 0.2),
    errors.CircuitOpen: ("model:openai:small-v1", 600.0),
    errors.GuardTripped: ("loop", "the same call three times"),
    errors.RunInProgress: ("busy", 5),
    errors.SessionBusy: ("busy", "pod-0", "", 5),
    errors.SessionElsewhere: ("elsewhere", "b1", ""),
}
"""What those are made with that have more than a message."""


def made(kind: type[Exception], status: RunStatus = SLEEPING, due_in: float = 60.0) -> Exception:
    if issubclass(kind, Suspended):
        return kind("waits", status.value, NOW + due_in)
    return kind(*GIVEN.get(kind, ("because",)))


def end(error: Exception | None, takes: int = 1, max_receives: int = 5, jitter: float = 1.0) -> Ending:
    return ending(error, takes=takes, max_receives=max_receives, now=NOW, jitter=lambda: jitter)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (None, Ending(DONE)),
        (
            Suspended("the worker stops", QUEUED.value, NOW),
            Ending(QUEUED, NOW + QUEUED_SECONDS, resend_after=0),
        ),
        (
            Suspended("sleeps", SLEEPING.value, NOW + 60.2),
            Ending(SLEEPING, NOW + 60.2 + QUEUED_SECONDS, "sleeps", resend_after=61),
        ),
        (Suspended("sleeps", SLEEPING.value, NOW + 86_400), Ending(SLEEPING, NOW + 86_400, "sleeps")),
        (Suspended("waits", WAITING.value, NOW + 60, (1,)), Ending(WAITING, NOW + 60, "waits")),
        (
            Braked("spent"),
            Ending(PARKED, NOW + 240, "the brake is engaged: spent", resend_after=PARKED_SECONDS),
        ),
        (
            errors.AuditUnavailable("the trail is down"),
            Ending(PARKED, NOW + 240, "the trail is down", resend_after=PARKED_SECONDS),
        ),
        (ModelUnavailable("down"), Ending(PARKED, NOW + 240, "down", resend_after=PARKED_SECONDS)),
        (
            ModelUnavailable("throttled", retry_after_seconds=300),
            Ending(PARKED, NOW + 375 + QUEUED_SECONDS, "throttled", resend_after=375),
        ),
        (
            ModelUnavailable("throttled", retry_after_seconds=86_400),
            Ending(PARKED, NOW + 900 + QUEUED_SECONDS, "throttled", resend_after=LONGEST_DELAY_SECONDS),
        ),
        (
            errors.CircuitOpen("tool:search", 20),
            Ending(
                PARKED,
                NOW + 25 + QUEUED_SECONDS,
                "tool:search was down, and is asked again in 20 s at the most",
                resend_after=25,
            ),
        ),
        (ValueError("a secret"), Ending(QUEUED, NOW + 6 + QUEUED_SECONDS, "ValueError", visible_after=6)),
        (
            SecretUnavailable("x"),
            Ending(QUEUED, NOW + 6 + QUEUED_SECONDS, "SecretUnavailable", visible_after=6),
        ),
    ],
)
def test_an_error_is_an_ending(error: Exception | None, expected: Ending) -> None:
    assert end(error) == expected


@pytest.mark.parametrize(
    "kind",
    [
        SettingsError,
        StepMismatch,
        StepInDoubt,
        StepLimitExceeded,
        ResultNotJson,
        ModelAuthFailed,
        ModelRejected,
        SecretNotDeclared,
    ],
)
def test_what_no_retry_can_mend_is_dead_at_once_with_its_reason(kind: type[Exception]) -> None:
    assert end(kind("because")) == Ending(DEAD, error=f"{kind.__name__}: because", is_dead_letter=True)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ValueError("a secret"), "ValueError, 5 times"),
        (ModelReplyInvalid("no text"), "ModelReplyInvalid: no text, 5 times"),
        (CheckpointBlobLost("k is gone"), "CheckpointBlobLost: k is gone, 5 times"),
    ],
)
def test_the_last_take_is_dead_and_tells_no_text_of_the_agents_own(error: Exception, said: str) -> None:
    assert end(error, takes=4).status is QUEUED
    assert end(error, takes=5) == end(error, takes=6).__class__(DEAD, error=said, is_dead_letter=True)


@given(
    kind=st.sampled_from([None, *CLASSES]),
    status=statuses,
    due_in=st.floats(-10, 10**6),
    takes=st.integers(0, 2000),
    max_receives=st.integers(1, 1000),
    jitter=st.floats(0, 1, exclude_max=True),
)
def test_every_error_has_exactly_one_ending(
    kind: Any, status: RunStatus, due_in: float, takes: int, max_receives: int, jitter: float
) -> None:
    error = None if kind is None else made(kind, status, due_in)
    found = end(error, takes, max_receives, jitter)
    has_ended = found.status in ENDED
    assert has_ended == (found.due_at == 0)
    assert found.is_dead_letter == (found.status is DEAD)
    ways = [found.is_dead_letter, found.resend_after is not None, found.visible_after is not None]
    assert sum(ways) <= 1
    assert sum(ways) == 1 or found.status in (DONE, SLEEPING, WAITING) or kind is GuardTripped
    for delay in (found.resend_after, found.visible_after):
        if delay is not None:
            assert 0 <= delay <= max(LONGEST_DELAY_SECONDS, LONGEST_RETRY_SECONDS + 1)
            # The reaper comes after the message has had its chance.
            assert found.due_at >= NOW + delay + QUEUED_SECONDS - 1
    if sum(ways) == 0 and not has_ended and kind is not GuardTripped:
        assert found.due_at == NOW + due_in  # the reaper alone wakes it
    if isinstance(error, Suspended) and found.resend_after is not None and status is SLEEPING:
        # No message comes before its time: of times, since a clock does not hold every difference.
        assert NOW + found.resend_after >= error.due_at


@given(kind=st.sampled_from(PASSING), takes=st.integers(0, 10**6), jitter=st.floats(0, 1))
def test_what_passes_by_itself_is_never_dead(kind: type[Exception], takes: int, jitter: float) -> None:
    found = end(made(kind), takes, 3, jitter)
    assert found.status is PARKED
    is_long = kind in (errors.CapReached, errors.CircuitOpen)
    longest = LONGEST_DELAY_SECONDS if is_long else PARKED_SECONDS
    assert 1 <= (found.resend_after or 0) <= longest


@given(takes=st.integers(0, 10**6), jitter=st.floats(0, 1))
def test_what_a_guard_has_stopped_waits_for_a_person(takes: int, jitter: float) -> None:
    found = end(GuardTripped("loop", "the same call three times"), takes, 3, jitter)
    said = "the guard 'loop' stopped the run: the same call three times"
    assert found == Ending(PARKED, NOW + GUARDED_SECONDS, said, held="loop")


@given(
    kind=st.sampled_from([k for k in CLASSES if not issubclass(k, (Suspended, GuardTripped, *PASSING))]),
    max_receives=st.integers(1, 1000),
    more=st.integers(0, 1000),
)
def test_a_run_that_fails_as_often_as_it_may_is_dead(
    kind: type[Exception], max_receives: int, more: int
) -> None:
    assert end(made(kind), max_receives + more, max_receives).status is DEAD


def test_pauses_grow_to_ten_minutes_and_no_further() -> None:
    pauses = [end(ValueError(), takes=n, max_receives=99).visible_after for n in range(1, 12)]
    assert pauses == [6, 11, 21, 41, 81, 161, 321, 601, 601, 601, 601]
    assert end(ValueError(), takes=8, max_receives=99, jitter=0.0).visible_after == 1
