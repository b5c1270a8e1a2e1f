"""Circuits of what an agent calls, shared by its processes through the checkpoint table.

A circuit is one item, changed on condition that it is as it was read. While all is well a process reads it
once in some seconds and writes nothing. Where the table does not answer a process goes by what it knows.
"""

import logging
import os
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from threading import Lock
from typing import Final

from agent_runtime.audit.trail import NOT_KEPT, Trail
from agent_runtime.checkpoint_table import CheckpointTable
from agent_runtime.errors import CheckpointUnavailable, CircuitOpen
from agent_runtime.guards.breakers import (
    DEFAULT_RULE,
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
from agent_runtime.records import SCHEMA_VERSION, Value

_log = logging.getLogger("agent_runtime.guards")
LOOK_SECONDS: Final = 2.0
"""How late a process may learn what others have found."""
KEPT_SECONDS: Final = 7 * 86_400
_TRIES: Final = 5
"""Of one change, against others who change the same circuit."""


@dataclass(frozen=True)
class Permit:
    """Leave for one call."""

    name: str
    probe: int = 0
    """Version of the circuit under which this is its probe; 0 for a plain call."""


@dataclass
class _Seen:
    circuit: Circuit
    read_at: float
    """By the monotonic clock, as is the next."""
    since: float
    """When this process first saw the circuit as it is."""


class Circuits:
    """The circuits of one agent. Names are those of what is called, such as `model:bedrock:...`; any thread
    may ask."""

    def __init__(
        self,
        table: CheckpointTable,
        agent: str,
        *,
        rule: BreakerRule = DEFAULT_RULE,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        audit: Trail = NOT_KEPT,
    ) -> None:
        self._table, self._pk = table, f"{agent}#circuits"
        self._rule = rule
        self._clock, self._monotonic = clock, monotonic
        self._audit = audit
        self._seen: dict[str, _Seen] = {}
        self._lock = Lock()

    @contextmanager
    def guarding(
        self, name: str, outage: Callable[[Exception], float | None], seconds: float = 0.0
    ) -> Generator[None]:
        """Around one call, which may take so many `seconds`. `outage` says whether an error means that the
        other side is down, by the seconds for which it asks not to be called (0 where it does not say), or
        None for any other error.

        Raises `CircuitOpen` before the call.
        """
        permit = self.enter(name, seconds)
        try:
            yield
        except Exception as error:
            asked = outage(error)
            if asked is None:
                self.given_back(permit)
            else:
                self.failed(permit, asked)
            raise
        else:
            self.succeeded(permit)

    def enter(self, name: str, seconds: float = 0.0) -> Permit:
        """Leave for a call of at most so many `seconds`, whose outcome is to be told: a probe is awaited
        for as long. Raises `CircuitOpen`."""
        for _ in range(_TRIES):
            seen = self._look(name)
            now, watched = self._now(), int((self._monotonic() - seen.since) * 1000)
            state = state_of(seen.circuit, now, watched)
            if state is State.CLOSED:
                return Permit(name)
            if state is State.OPEN:
                raise CircuitOpen(name, wait_ms(seen.circuit, now) / 1000)
            if state is State.PROBED:  # mostly it is heard of long before its time is over
                raise CircuitOpen(name, min(self._rule.open_seconds, wait_ms(seen.circuit, now) / 1000))
            probe = probing(seen.circuit, now, self._rule, seconds)
            try:
                if self._written(name, seen.circuit, probe):
                    _log.info("circuit probed", extra={"circuit": name})
                    return Permit(name, probe.version)
            except CheckpointUnavailable as error:  # nobody knows who else probes
                raise CircuitOpen(name, self._rule.open_seconds) from error
        raise CircuitOpen(name, 1.0)

    def succeeded(self, permit: Permit) -> None:
        """The call was answered."""
        is_probe = permit.probe != 0
        if self._change(permit, lambda circuit: after_success(circuit, is_probe=is_probe)) and is_probe:
            _log.info("circuit closed", extra={"circuit": permit.name})

    def failed(self, permit: Permit, asked_seconds: float = 0.0) -> None:
        """The other side was down, and asks not to be called for so long."""

        def change(circuit: Circuit) -> Circuit:
            now, is_probe = self._now(), permit.probe != 0
            return after_outage(circuit, now, self._rule, is_probe=is_probe, asked_seconds=asked_seconds)

        found = self._change(permit, change)
        if found is None or not found.open_until:
            return
        seconds = round(found.open_ms / 1000)
        _log.warning("circuit opened", extra={"circuit": permit.name, "seconds": seconds})
        self._audit.record("guard-tripped", guard="circuit", circuit=permit.name, seconds=seconds)

    def given_back(self, permit: Permit) -> None:
        """The call was not made, or says nothing of the other side."""
        if permit.probe:
            self._change(permit, unprobed)

    def _change(self, permit: Permit, change: Callable[[Circuit], Circuit]) -> Circuit | None:
        """The circuit as this process has changed it; None if it did not. Of a probe only the circuit that it
        was made for is changed."""
        try:
            for _ in range(_TRIES):
                circuit = self._look(permit.name, anew=False).circuit
                if permit.probe and circuit.version != permit.probe:
                    return None
                changed = change(circuit)
                if changed is circuit:
                    return None
                if self._written(permit.name, circuit, changed):
                    return changed
        except CheckpointUnavailable as error:
            _log.warning("circuit not written", extra={"circuit": permit.name}, exc_info=error)
        return None

    def _look(self, name: str, *, anew: bool = True) -> _Seen:
        """The circuit, read again if that was some time ago. One that cannot be read is as it last was."""
        with self._lock:
            seen = self._seen.get(name)
        is_fresh = seen is not None and (not anew or self._monotonic() - seen.read_at < LOOK_SECONDS)
        if seen is not None and is_fresh:
            return seen
        try:
            return self._learn(name, _read(self._table.get(self._key(name))))
        except CheckpointUnavailable as error:
            _log.warning("circuit not read", extra={"circuit": name}, exc_info=error)
            return self._learn(name, Circuit() if seen is None else seen.circuit)

    def _learn(self, name: str, circuit: Circuit) -> _Seen:
        now = self._monotonic()
        with self._lock:
            before = self._seen.get(name)
            is_recent = before is not None and now - before.read_at < LOOK_SECONDS
            if before is not None and is_recent and before.circuit.version > circuit.version > 0:
                return before  # another thread has learnt more in the meantime
            is_same = before is not None and before.circuit == circuit
            since = before.since if before is not None and is_same else now
            seen = self._seen[name] = _Seen(circuit, now, since)
            return seen

    def _written(self, name: str, old: Circuit, new: Circuit) -> bool:
        """Whether `new` took the place of `old`; if not, what is there instead is known from here on."""
        writer = os.urandom(12).hex()
        item: dict[str, Value] = {
            **self._key(name),
            **asdict(new),
            "writer": writer,
            "schema_version": SCHEMA_VERSION,
            "expires_at": int(self._clock()) + KEPT_SECONDS,
        }
        is_absent, is_as_read = "attribute_not_exists(pk)", "#version = :version"
        condition = is_as_read if old.version else f"{is_absent} OR {is_as_read}"
        found = self._table.put(item, condition, {":version": old.version})
        is_ours = found is None or found.get("writer") == writer
        self._learn(name, new if is_ours else _read(found))
        return is_ours

    def _key(self, name: str) -> dict[str, Value]:
        return {"pk": self._pk, "sk": name}

    def _now(self) -> int:
        return int(self._clock() * 1000)


def _read(item: dict[str, Value] | None) -> Circuit:
    held = item or {}
    return Circuit(**{name: int(held.get(name) or 0) for name in Circuit.__dataclass_fields__})
