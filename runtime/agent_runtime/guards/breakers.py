"""A circuit breaker's rules: what each outcome makes of a circuit. Pure; times are milliseconds since 1970.

Closed, calls pass and outages are counted. After so many it is open, and no call is made. When that time is
over it is half-open: one probe is let through, whose outcome closes it or opens it for twice as long.
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final


@dataclass(frozen=True)
class BreakerRule:
    """When a circuit opens, and for how long."""

    outages: int = 5
    """Outages without a success between them that open it."""
    window_seconds: float = 60.0
    """Within which they must come."""
    open_seconds: float = 30.0
    """For how long it is open the first time; twice as long after each probe that failed."""
    longest_open_seconds: float = 600.0
    probe_seconds: float = 120.0
    """After which a probe that was never heard of again counts as lost, or when its call must be over."""
    believed_seconds: float = 30.0
    """Whoever asks for so long a pause, or a longer one, gets it at once."""


DEFAULT_RULE: Final = BreakerRule()


@dataclass(frozen=True)
class Circuit:
    """One circuit as everybody knows it."""

    version: int = 0
    """Counts its changes: each is made on condition that nobody has made another."""
    outages: int = 0
    counted_from: int = 0
    openings: int = 0
    """Times in a row that it was opened; 0 while it is closed."""
    open_until: int = 0
    open_ms: int = 0
    """For how long it was opened: what a clock far ahead wrote holds nobody for longer."""
    probe_until: int = 0
    """Until when somebody's probe is awaited; 0 for none."""


class State(StrEnum):
    """What a circuit says to a call."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"
    """Whoever gets the probe may call."""
    PROBED = "probed"
    """Somebody has the probe: all others wait for what comes of it."""


def state_of(circuit: Circuit, now: int, watched_ms: int = 0) -> State:
    """`watched_ms` is for how long the caller has seen the circuit as it is, by its own clock."""
    if not circuit.openings:
        return State.CLOSED
    if now < circuit.probe_until:
        return State.PROBED
    if now < circuit.open_until and watched_ms < circuit.open_ms:
        return State.OPEN
    return State.HALF_OPEN


def wait_ms(circuit: Circuit, now: int) -> int:
    """How long until it is worth asking again, at the most."""
    return max(0, min(circuit.open_until - now, circuit.open_ms), circuit.probe_until - now)


def probing(circuit: Circuit, now: int, rule: BreakerRule, seconds: float = 0.0) -> Circuit:
    """Half-open, with a probe under way whose call may take so many seconds."""
    return _changed(circuit, probe_until=now + int(max(rule.probe_seconds, seconds) * 1000))


def unprobed(circuit: Circuit) -> Circuit:
    """The probe was given back without having been made."""
    return _changed(circuit, probe_until=0)


def after_success(circuit: Circuit, *, is_probe: bool) -> Circuit:
    """Closed, with nothing counted; the same circuit where that says nothing new. Of an open one only the
    probe can tell: other calls began before it was opened."""
    if not is_probe and (circuit.openings or not circuit.outages):
        return circuit
    return Circuit(version=circuit.version + 1)


def after_outage(
    circuit: Circuit, now: int, rule: BreakerRule, *, is_probe: bool, asked_seconds: float = 0.0
) -> Circuit:
    """After a call that met an outage; the same circuit where that says nothing new. `asked_seconds` is the
    pause that the other side asked for."""
    if circuit.openings and not is_probe:
        return circuit  # a call that began before it was opened
    if is_probe:
        return _opened(circuit, now, rule, asked_seconds)
    is_old = now - circuit.counted_from > rule.window_seconds * 1000 or not circuit.outages
    outages = 1 if is_old else circuit.outages + 1
    counted = replace(circuit, outages=outages, counted_from=now if is_old else circuit.counted_from)
    if outages >= rule.outages or asked_seconds >= rule.believed_seconds:
        return _opened(counted, now, rule, asked_seconds)
    return _changed(counted)


def _opened(circuit: Circuit, now: int, rule: BreakerRule, asked_seconds: float) -> Circuit:
    own = rule.open_seconds * 2 ** min(circuit.openings, 30)
    open_ms = int(min(rule.longest_open_seconds, max(own, asked_seconds)) * 1000)
    return _changed(
        circuit, openings=circuit.openings + 1, open_until=now + open_ms, open_ms=open_ms, probe_until=0
    )


def _changed(circuit: Circuit, **changes: int) -> Circuit:
    return replace(circuit, version=circuit.version + 1, **changes)
