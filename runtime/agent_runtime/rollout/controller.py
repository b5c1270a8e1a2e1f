"""One call of the controller: read, decide, write once, and bring what divides the calls to the record."""

import json
import logging
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from agent_runtime.audit.trail import NOT_KEPT, Trail, told
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
    audit: Trail = NOT_KEPT

    def run(self, agent: str) -> Decided:
        """One decision. Whoever dies in the middle is followed by the next call, which applies the record.

        Raises `TrafficUnknown`, and `RecordChanged` where somebody was faster each time.
        """
        for _ in range(_TRIES):
            state = self.store.read(agent)
            now = int(self.clock() * 1000)
            made = self.decide(state, now / 1000)
            if made.action is not Action.HOLD:
                change = Change(now, CONTROLLER, made.action.value, made.reason)
                with _told(self.audit, made.record, change):
                    is_written = self._write(agent, state.record, made.record, change)
                    if is_written:
                        self._apply(state)
                if not is_written:
                    continue
            else:
                self._apply(state)
            if made.copies:
                self.copy(state, made.copies)
            _log.info(
                "rollout",
                extra={"agent": agent, "action": made.action.value, "reason": made.reason, "at": now},
            )
            return made
        raise RecordChanged("somebody else moves the traffic")

    def _write(self, agent: str, before: Record, after: Record, change: Change) -> bool:
        """Whether nobody else was faster."""
        try:
            self.store.write(agent, before, after, change)
        except RecordChanged:
            return False
        return True

    def _apply(self, state: State) -> None:
        self.host.apply(state, lambda: self.store.read(state.plan.agent).record)


def moved(
    store: RolloutStore,
    host: Host,
    agent: str,
    move: Callable[[State], Record],
    change: Change,
    audit: Trail = NOT_KEPT,
) -> Record:
    """A person's move: written, then applied. Raises `MoveRefused`, `RecordChanged` and `TrafficUnknown`, and
    `AuditUnavailable` once it is done."""
    state = store.read(agent)
    after = move(state)
    with _told(audit, after, change):
        store.write(agent, state.record, after, change)
        host.apply(state, lambda: store.read(agent).record)
    return after


def _told(audit: Trail, after: Record, change: Change) -> AbstractContextManager[None]:
    """No move is held up by a trail that is down, least of all a way back: the history in the control table
    has it, too. The entry is there although somebody else may be faster."""
    shares = json.dumps({bundle: points for bundle, points in after.shares.items() if points}, sort_keys=True)
    return told(
        audit,
        "traffic-changed",
        who=change.by,
        move=change.what,
        why=change.why,
        phase=after.phase.value,
        version=after.version,
        shares=shares,
    )
