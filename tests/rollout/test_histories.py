"""Whole rollouts, minute by minute: what a release does, and what is decided when."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from agent_runtime.rollout.decide import decide
from agent_runtime.rollout.observation import Observation, Seen
from agent_runtime.rollout.record import Record
from tests.rollout.samples import MINUTE, NOW, A, evidence, plan, seen

RUNS = 20
"""In each minute, of each release."""
ROLLOUT = [(0, "begin"), (1, "advance"), (11, "advance"), (16, "advance"), (21, "promote"), (81, "settle")]


@dataclass(frozen=True)
class Minute:
    """What release B did in one minute."""

    errors: int = 0
    latency: float = 1_000.0
    runs: int = RUNS
    is_known: bool = True
    """Whether metrics can be read in it."""
    alarm: bool = False
    stable_errors: int = 0


History = Callable[[int], Minute]


def together(history: History, first: int, last: int) -> Seen:
    """Of the minutes from `first` to before `last`."""
    minutes = [history(minute) for minute in range(first, last)]
    runs = sum(minute.runs for minute in minutes)
    latency = sum(minute.runs * minute.latency for minute in minutes) / runs if runs else 0.0
    return seen(runs, errors=sum(minute.errors for minute in minutes), latency=latency)


def observation(history: History, record: Record, minute: int) -> Observation:
    proofs = {proof.bundle_id: proof for proof in [evidence()]}
    current = history(minute)
    alarms = ("too-many-errors",) if current.alarm else ()
    if record.watched is None or not current.is_known:
        return Observation(alarms=alarms, evidence=proofs)
    since = (record.since - NOW) // MINUTE
    stable = RUNS * (minute - since)
    return Observation(
        recent=together(history, max(since, minute - 5), minute),
        candidate=together(history, since, minute),
        stable=seen(stable, errors=sum(history(m).stable_errors for m in range(since, minute))),
        alarms=alarms,
        evidence=proofs,
    )


def replayed(history: History, minutes: int = 120) -> list[tuple[int, str]]:
    """Minute and action of everything that was done."""
    record, done = Record(A), []
    for minute in range(minutes):
        made = decide(plan(), record, observation(history, record, minute), NOW + minute * MINUTE)
        if made.record is not record:
            done.append((minute, made.action.value))
        record = made.record
    return done


def steady(_: int) -> Minute:
    return Minute()


def declines_in_latency(minute: int) -> Minute:
    """Each minute a twentieth slower than the first was."""
    return Minute(latency=1_000 + 50 * minute)


def declines_while_watched(minute: int) -> Minute:
    return Minute(errors=max(0, minute - 40) // 4)


def spikes(minute: int) -> Minute:
    return Minute(errors=RUNS if minute == 6 else 0)


def spikes_a_little(minute: int) -> Minute:
    """Too little for the limits, and enough to be told from the stable release."""
    return Minute(errors=5 if minute == 6 else 0)


def spikes_like_the_stable_one(minute: int) -> Minute:
    """What is wrong outside hits both."""
    return Minute(errors=5 if minute == 6 else 0, stable_errors=4 if minute == 6 else 0)


def has_a_gap(minute: int) -> Minute:
    return Minute(is_known=not 9 <= minute <= 14)


def has_a_gap_in_the_watch(minute: int) -> Minute:
    return Minute(is_known=not 30 <= minute <= 50)


def fails_in_a_gap(minute: int) -> Minute:
    """What happened in it shows when it is over."""
    return Minute(is_known=not 9 <= minute <= 14, errors=RUNS if minute == 12 else 0)


def alarms_in_a_gap(minute: int) -> Minute:
    return Minute(is_known=not 3 <= minute <= 30, alarm=minute == 5)


def flaps(minute: int) -> Minute:
    return Minute(errors=3 * (minute % 2 == 0))


def alarm_flaps(minute: int) -> Minute:
    return Minute(alarm=minute % 3 == 0)


def has_few_runs(_: int) -> Minute:
    return Minute(runs=2)


def has_no_runs(_: int) -> Minute:
    return Minute(runs=0)


STARTED, BACK = ROLLOUT[:2], "go back"


@pytest.mark.parametrize(
    ("history", "done"),
    [
        (steady, ROLLOUT),
        (declines_in_latency, [*STARTED, (11, BACK)]),
        (declines_while_watched, [*ROLLOUT[:5], (49, BACK)]),
        (spikes, [*STARTED, (7, BACK)]),
        (spikes_a_little, [*STARTED, (11, BACK)]),
        (spikes_like_the_stable_one, ROLLOUT),
        (has_a_gap, [*STARTED, (15, "advance"), (20, "advance"), (25, "promote"), (85, "settle")]),
        (has_a_gap_in_the_watch, ROLLOUT),
        (fails_in_a_gap, [*STARTED, (15, BACK)]),
        (alarms_in_a_gap, [*STARTED, (5, BACK)]),
        (flaps, [*STARTED, (3, BACK)]),
        (alarm_flaps, [*STARTED, (3, BACK)]),
        (has_few_runs, [*STARTED, (26, "advance"), (51, "advance"), (76, "promote")]),
        (has_no_runs, STARTED),
    ],
)
def test_a_replayed_history_leads_to_these_actions(history: History, done: list[tuple[int, str]]) -> None:
    assert replayed(history) == done
