"""One call of the controller: read, decide, write once, and bring what divides the calls to the record."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from agent_runtime.errors import RecordChanged
from agent_runtime.rollout.actions import Action, Decided
from agent_runtime.rollout.record import Record
from agent_runtime.rollout.store import Change, RolloutStore, State

_log = logging.getLogger("agent_runtime.rollout.controller")
CONTROLLER = "rollout controller"
_TRIES = 3
"""Against a person who moves the traffic at the same moment: then all is read and decided anew."""


class Host(Protocol):
    """What divides an agent's runs. Each host has its own."""

    def apply(self, state: State, latest: Callable[[], Record]) -> None:
        """Bring the division to the record, and take away runs from what was sent back. May be done again."""
        ...


@dataclass(frozen=True)
class Controller:
    """Moves the traffic of one agent. `decide` measures and judges at a time in seconds since 1970, which
    `clock` gives; `copy` begins so many copies of runs."""

    store: RolloutStore
    decide: Callable[[State, float], Decided]
    host: Host
    copy: Callable[[State, int], None]
    clock: Callable[[], float]

    def run(self, agent: str) -> Decided:
        """One decision. Whoever dies in the middle is followed by the next call, which applies the record.

        Raises `TrafficUnknown`, and `RecordChanged` where somebody was faster each time.
        """
        for attempt in range(_TRIES):
            state = self.store.read(agent)
            now = int(self.clock() * 1000)
            made = self.decide(state, now / 1000)
            if made.action is not Action.HOLD:
                change = Change(now, CONTROLLER, made.action.value, made.reason)
                try:
                    self.store.write(agent, state.record, made.record, change)
                except RecordChanged:
                    if attempt == _TRIES - 1:
                        raise
                    continue
            self.host.apply(state, lambda: self.store.read(agent).record)
            if made.copies:
                self.copy(state, made.copies)
            _log.info(
                "rollout",
                extra={"agent": agent, "action": made.action.value, "reason": made.reason, "at": now},
            )
            return made
        raise RecordChanged("somebody else moves the traffic")


def moved(
    store: RolloutStore, host: Host, agent: str, move: Callable[[State], Record], change: Change
) -> Record:
    """A person's move: written, then applied. Raises `MoveRefused`, `RecordChanged` and `TrafficUnknown`."""
    state = store.read(agent)
    after = move(state)
    store.write(agent, state.record, after, change)
    host.apply(state, lambda: store.read(agent).record)
    return after
