"""What outcomes make of a circuit."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from agent_runtime.guards.breakers import (
    BreakerRule,
    Circuit,
    State,
    after_outage,
    after_success,
    probing,
    state_of,
    unprobed,
    wait_ms,
)

RULE = BreakerRule()
NOW = 1_800_000_000_000
CLOSED = Circuit()


def outages(count: int, every_ms: int = 1000, circuit: Circuit = CLOSED) -> Circuit:
    for n in range(count):
        circuit = after_outage(circuit, NOW + n * every_ms, RULE, is_probe=False)
    return circuit


def opened(times: int = 1) -> tuple[Circuit, int]:
    """A circuit that was opened so often in a row, and when its time is over."""
    circuit = outages(RULE.outages)
    for _ in range(times - 1):
        now = circuit.open_until
        circuit = after_outage(probing(circuit, now, RULE), now, RULE, is_probe=True)
    return circuit, circuit.open_until


def test_it_opens_at_the_outage_that_is_one_too_many() -> None:
    assert state_of(outages(RULE.outages - 1), NOW + 9000) is State.CLOSED
    assert state_of(outages(RULE.outages), NOW + 9000) is State.OPEN


def test_a_success_between_them_begins_the_count_anew() -> None:
    circuit = after_success(outages(RULE.outages - 1), is_probe=False)
    assert state_of(outages(RULE.outages - 1, circuit=circuit), NOW) is State.CLOSED


def test_outages_far_apart_do_not_open_it() -> None:
    assert state_of(outages(50, every_ms=31_000), NOW) is State.CLOSED


def test_who_asks_for_a_long_pause_gets_it_at_once() -> None:
    circuit = after_outage(Circuit(), NOW, RULE, is_probe=False, asked_seconds=120)
    assert (state_of(circuit, NOW), wait_ms(circuit, NOW)) == (State.OPEN, 120_000)
    endless = after_outage(Circuit(), NOW, RULE, is_probe=False, asked_seconds=10**9)
    assert wait_ms(endless, NOW) == RULE.longest_open_seconds * 1000
    short = after_outage(Circuit(), NOW, RULE, is_probe=False, asked_seconds=5)
    assert state_of(short, NOW) is State.CLOSED


def test_its_time_over_one_probe_is_awaited_and_a_lost_one_is_not_awaited_for_ever() -> None:
    circuit, over = opened()
    assert state_of(circuit, over - 1) is State.OPEN
    assert state_of(circuit, over) is State.HALF_OPEN
    probed = probing(circuit, over, RULE)
    assert state_of(probed, over + 1) is State.PROBED
    assert state_of(probed, over + int(RULE.probe_seconds * 1000)) is State.HALF_OPEN
    assert state_of(unprobed(probed), over + 1) is State.HALF_OPEN


def test_the_probe_alone_closes_it() -> None:
    circuit, over = opened()
    assert after_success(circuit, is_probe=False) is circuit
    assert state_of(after_success(probing(circuit, over, RULE), is_probe=True), over) is State.CLOSED


def test_calls_that_began_before_it_was_opened_say_nothing_new() -> None:
    circuit, over = opened()
    assert after_outage(circuit, over - 1, RULE, is_probe=False) is circuit


def test_each_probe_that_fails_opens_it_for_twice_as_long_up_to_a_bound() -> None:
    lengths = [opened(times)[0].open_ms // 1000 for times in range(1, 8)]
    assert lengths == [30, 60, 120, 240, 480, 600, 600]


@given(ahead=st.integers(0, 3_600_000))
def test_a_clock_far_ahead_holds_nobody_for_longer_than_it_meant(ahead: int) -> None:
    circuit = replace(opened()[0], open_until=NOW + ahead)
    assert state_of(circuit, NOW, circuit.open_ms) is State.HALF_OPEN
    assert wait_ms(circuit, NOW) <= circuit.open_ms


@given(
    steps=st.lists(st.tuples(st.sampled_from("osp"), st.integers(0, 200_000), st.floats(0, 900)), max_size=60)
)
def test_every_change_counts_and_no_state_lasts_for_ever(steps: list[tuple[str, int, float]]) -> None:
    circuit, now = Circuit(), NOW
    for kind, later, asked in steps:
        now += later
        before = circuit
        is_probe = state_of(circuit, now) is State.PROBED
        if kind == "o":
            circuit = after_outage(circuit, now, RULE, is_probe=is_probe, asked_seconds=asked)
        elif kind == "s":
            circuit = after_success(circuit, is_probe=is_probe)
        elif state_of(circuit, now) is State.HALF_OPEN:
            circuit = probing(circuit, now, RULE)
        assert circuit is before or circuit.version == before.version + 1
        assert wait_ms(circuit, now) <= RULE.longest_open_seconds * 1000
        assert state_of(circuit, now + wait_ms(circuit, now)) in (State.CLOSED, State.HALF_OPEN)
