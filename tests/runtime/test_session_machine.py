"""One session, three owners with clocks ten minutes apart, and runs that end, fail or die, in any order."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import hypothesis.strategies as st
from hypothesis import HealthCheck, settings
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from agent_runtime.bundle import MemorySpec
from agent_runtime.errors import LeaseLost, SessionBusy, SessionElsewhere
from agent_runtime.memory import Memory
from agent_runtime.records import decode
from agent_runtime.scopes import Scope, current_scope
from agent_runtime.session_keys import session_pk
from agent_runtime.sessions import Sessions
from agent_runtime.snapshots import Snapshots
from agent_runtime.turns import Turn, Turns

SKEWS = (0.0, 600.0, -600.0)
BUNDLES = ("b1", "b2")
owners = st.integers(0, 2)
passes = st.sampled_from([0, 31, 95, 700])
"""Seconds until something happens: within a lease, after it, after the grace, more than the skew."""


@dataclass
class Held:
    turn: Turn
    memory: Memory
    run_id: str
    is_over: bool = False


class Machine(RuleBasedStateMachine):
    pretend: Callable[[], Any]

    def __init__(self) -> None:
        super().__init__()
        self.context = type(self).pretend()
        self.aws = self.context.__enter__()
        self.pk = session_pk("answers", "acme", "s")
        self.token = current_scope.set(Scope(()))
        self.held: dict[int, Held] = {}
        self.epoch = 0
        self.pinned = ""
        self.began: dict[str, str] = {}
        self.committed: list[str] = []
        """Runs in the order in which their changes began to count."""

    def teardown(self) -> None:
        current_scope.reset(self.token)
        self.context.__exit__(None, None, None)

    def turns(self, owner: int, bundle_id: str) -> Turns:
        store, clock = self.aws.store(), self.aws.clock.skewed(SKEWS[owner])
        sessions = Sessions(
            store.table, agent="answers", bundle_id=bundle_id, owner=f"pod-{owner}", clock=clock
        )
        snapshots = Snapshots(store.table, store.blobs, "answers", clock)
        return Turns(sessions, snapshots, MemorySpec(snapshots=100))

    @rule(
        seconds=passes,
        owner=owners,
        run=st.integers(1, 4),
        bundle=st.sampled_from(BUNDLES),
        comes_back=st.booleans(),
    )
    def takes(self, seconds: int, owner: int, run: int, bundle: str, comes_back: bool) -> None:
        self.aws.clock.now += seconds
        run_id = f"r{run}"
        try:
            turn = self.turns(owner, bundle).begin("acme", "s", run_id, 30, comes_back=comes_back)
        except SessionBusy:
            return
        except SessionElsewhere:
            assert self.pinned not in ("", bundle)
            return
        assert self.pinned in ("", bundle)
        assert turn.lease.epoch == self.epoch + 1
        self.pinned, self.epoch = bundle, turn.lease.epoch
        began = self.began.setdefault(run_id, turn.present)
        self.held[owner] = Held(turn, turn.memory(began), run_id)

    @precondition(lambda self: self.held)
    @rule(owner=owners, is_used=st.booleans())
    def ends(self, owner: int, is_used: bool) -> None:
        held = self.one(owner)
        if is_used:
            held.memory[held.run_id] = True
        if self.does(held, lambda: held.turn.commit(held.memory)):
            held.is_over = True
            if is_used and held.run_id not in self.committed:
                self.committed.append(held.run_id)

    @precondition(lambda self: self.held)
    @rule(owner=owners)
    def writes_its_version_and_dies(self, owner: int) -> None:
        held = self.one(owner)
        held.memory[held.run_id] = True

        class Died(BaseException):
            pass

        def die(*_: Any, **__: Any) -> None:
            raise Died

        held.turn._release = die  # type: ignore[method-assign]  # pyright: ignore[reportPrivateUsage]
        try:
            held.turn.commit(held.memory)
        except (Died, LeaseLost):
            del self.held[next(name for name, one in self.held.items() if one is held)]

    @precondition(lambda self: self.held)
    @rule(owner=owners)
    def extends(self, owner: int) -> None:
        held = self.one(owner)
        self.does(held, lambda: held.turn.extend(30))

    @precondition(lambda self: self.held)
    @rule(owner=owners)
    def gives_back(self, owner: int) -> None:
        held = self.one(owner)
        held.turn.give_back()
        held.is_over = True

    @precondition(lambda self: self.pinned)
    @rule(owner=owners, seconds=passes)
    def is_moved(self, owner: int, seconds: int) -> None:
        self.aws.clock.now += seconds
        other = next(bundle for bundle in BUNDLES if bundle != self.pinned)
        if self.turns(owner, other).sessions.repin("acme", "s", self.pinned, other):
            self.pinned = other

    @invariant()
    def what_is_remembered_is_what_counted(self) -> None:
        if not self.epoch:
            return
        turns = self.turns(0, "any")
        record = turns.sessions.find("acme", "s")
        assert record is not None
        assert record.epoch == self.epoch  # I4
        assert record.bundle_id == self.pinned
        values = turns.snapshots.read(self.pk, record.memory.key).values
        assert set(values) == set(self.committed), "none is lost, and none counts that did not end"
        kept = turns.snapshots.kept(self.pk, record.memory.key)
        assert [snapshot.run_id for snapshot in kept] == self.committed[::-1], "none counts twice"
        assert record.memory_version == len(self.committed)
        items = [decode(item) for item in self.aws.items()]
        assert all(item["epoch"] <= self.epoch for item in items if item["sk"].startswith("memory#"))

    def does(self, held: Held, write: Callable[[], Any]) -> bool:
        """A write of a holder; whether it was done. Only who has the last epoch, and has not given it back,
        may write."""
        try:
            write()
        except LeaseLost:
            assert held.turn.lease.epoch < self.epoch or held.is_over
            return False
        is_latest = held.turn.lease.epoch == self.epoch
        assert is_latest or held.is_over
        return is_latest and not held.is_over

    def one(self, pick: int) -> Held:
        return sorted(self.held.items(), key=lambda found: found[0])[pick % len(self.held)][1]


def test_three_owners_leave_every_session_whole(fresh_aws: Callable[[], Any]) -> None:
    class OnFreshAws(Machine):
        pretend = staticmethod(fresh_aws)

    run_state_machine_as_test(
        OnFreshAws,
        settings=settings(
            max_examples=15, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
