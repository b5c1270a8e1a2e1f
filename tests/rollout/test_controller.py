"""One call of the controller, where it dies, and where two are at work at once."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from agent_runtime.errors import MoveRefused, RecordChanged
from agent_runtime.rollout.actions import Action, Decided
from agent_runtime.rollout.controller import CONTROLLER, Controller, moved
from agent_runtime.rollout.decide import decide
from agent_runtime.rollout.moves import hold, rollback
from agent_runtime.rollout.observation import Observation
from agent_runtime.rollout.plan import Shadow
from agent_runtime.rollout.record import Record
from agent_runtime.rollout.store import Change, RolloutStore, State
from tests.rollout.samples import AGENT, NOW, A, B, C, canary, copies, good, observed, plan, shadowed, waiting
from tests.rollout.tables import Table
from tests.runtime.durable import Killed
from tests.runtime.faulty import FaultyClient
from tests.runtime.pretended import Clock

CHANGE = Change(NOW, "someone", "hold", "to look")


class Division:
    """A host that takes a record's shares as they are."""

    def __init__(self) -> None:
        self.applied: list[dict[str, int]] = []
        self.dies = 0

    def apply(self, _state: State, latest: Callable[[], Record]) -> None:
        if self.dies:
            self.dies -= 1
            raise Killed
        self.applied.append(latest().shares)


class World:
    """`found` is what is measured, and `before_deciding` happens after the read of the record."""

    def __init__(self, store: RolloutStore) -> None:
        self.store, self.host, self.clock = store, Division(), Clock(NOW / 1000)
        self.found: Observation = good()
        self.copies: list[int] = []
        self.before_deciding: Callable[[], object] = lambda: None

    def controller(self) -> Controller:
        return Controller(self.store, self._decide, self.host, self._copy, self.clock)

    def _copy(self, _state: State, most: int) -> None:
        self.copies.append(most)

    def run(self) -> Action:
        return self.controller().run(AGENT).action

    def record(self) -> Record:
        return self.store.read(AGENT).record

    def _decide(self, state: State, now: float) -> Decided:
        self.before_deciding()
        return decide(state.plan, state.record, self.found, int(now * 1000))


@pytest.fixture
def world(store: RolloutStore, table: Table) -> World:
    return World(store)


def test_what_was_decided_is_written_with_its_reason_and_applied(world: World, table: Table) -> None:
    table.put_record(canary())
    assert world.run() is Action.ADVANCE
    assert world.host.applied == [{A: 5_000, B: 5_000}]
    (entry,) = world.store.history(AGENT)
    assert (entry["by"], entry["what"], entry["why"]) == (CONTROLLER, "advance", "it is no worse")
    assert (entry["at"], entry["record"]["version"]) == (NOW, world.record().version)


def test_a_hold_writes_nothing_and_applies_the_record(world: World, table: Table) -> None:
    table.put_record(canary(held="a person looks"))
    before = table.items()
    assert world.run() is Action.HOLD
    assert table.items() == before
    assert world.host.applied == [{A: 9_500, B: 500}]


def test_killed_while_it_applies_the_next_call_goes_on(world: World, table: Table) -> None:
    table.put_record(canary())
    world.found = observed(alarms=("too-many-errors",))
    world.host.dies = 1
    with pytest.raises(Killed):
        world.run()
    assert world.record().shares == {A: 10_000}
    assert world.run() is Action.HOLD
    assert world.host.applied == [{A: 10_000}]
    assert len(world.store.history(AGENT)) == 1


@pytest.mark.parametrize("operation", ["query", "transact_write_items"])
def test_killed_before_a_call_it_leaves_the_record_and_the_next_call_does_it(
    world: World, faulty: FaultyClient, table: Table, operation: str
) -> None:
    table.put_record(canary())

    def die(_: object) -> None:
        raise Killed

    faulty.before[operation] = die
    with pytest.raises(Killed):
        world.run()
    faulty.before.clear()
    assert (world.record(), world.host.applied) == (canary(), [])
    assert world.run() is Action.ADVANCE


def test_killed_after_its_write_it_is_followed_by_who_applies_it(
    world: World, faulty: FaultyClient, table: Table
) -> None:
    table.put_record(waiting())
    reads = iter([lambda: None])

    def die_at_the_second(_: object) -> None:
        if next(reads, None) is None:
            raise Killed

    faulty.before["query"] = die_at_the_second
    with pytest.raises(Killed):
        world.run()
    faulty.before.clear()
    assert (world.record().shares, world.host.applied) == ({A: 9_500, B: 500}, [])
    assert world.run() is Action.HOLD
    assert world.host.applied == [{A: 9_500, B: 500}]


def test_of_two_at_once_one_advances_and_the_other_reads_anew(world: World, table: Table) -> None:
    table.put_record(canary())
    other = World(world.store)
    other.clock.now += 1
    inner: list[Action] = []

    def overtake() -> None:
        world.before_deciding = lambda: None
        inner.append(other.run())

    world.before_deciding = overtake
    assert (world.run(), inner) == (Action.HOLD, [Action.ADVANCE])
    assert (world.record().step, world.record().version) == (1, canary().version + 1)
    assert len(world.store.history(AGENT)) == 1
    assert world.host.applied == other.host.applied == [{A: 5_000, B: 5_000}]


def test_a_person_who_holds_at_the_same_moment_is_heard(world: World, table: Table) -> None:
    table.put_record(canary())

    def a_person_holds() -> None:
        world.before_deciding = lambda: None
        moved(world.store, world.host, AGENT, lambda state: hold(state.record, "to look"), CHANGE)

    world.before_deciding = a_person_holds
    assert world.run() is Action.HOLD
    assert (world.record().held, world.record().step) == ("to look", 0)


def test_who_is_overtaken_each_time_gives_up_and_applies_nothing(world: World, table: Table) -> None:
    table.put_record(canary())

    def somebody_writes() -> None:
        read = world.record()
        world.store.write(AGENT, read, read.held_for(None), CHANGE)

    world.before_deciding = somebody_writes
    with pytest.raises(RecordChanged):
        world.run()
    assert world.host.applied == []
    assert world.record().candidate_basis_points == 500


def test_what_is_applied_is_the_newest_record(world: World, table: Table) -> None:
    """Another's write comes between this one's write and its host."""
    table.put_record(canary())
    apply = world.host.apply

    def late(state: State, latest: Callable[[], Record]) -> None:
        table.put_record(Record(C, version=99))
        apply(state, latest)

    world.host.apply = late
    assert world.run() is Action.ADVANCE
    assert world.host.applied == [{C: 10_000}]


def test_a_persons_move_is_written_and_applied(world: World, table: Table) -> None:
    table.put_record(canary())
    after = moved(
        world.store, world.host, AGENT, lambda state: rollback(state.plan, state.record, NOW), CHANGE
    )
    assert after == world.record()
    assert world.host.applied == [{A: 10_000}]
    assert world.store.history(AGENT)[0]["by"] == "someone"


def test_a_move_that_is_refused_changes_nothing(world: World, table: Table) -> None:
    before = table.items()
    with pytest.raises(MoveRefused):
        moved(world.store, world.host, AGENT, lambda state: hold(state.record, "to look"), CHANGE)
    assert (table.items(), world.host.applied) == (before, [])


def test_a_candidate_in_its_shadow_gets_the_copies_that_are_missing(world: World, table: Table) -> None:
    table.fill(shadowed(), plan(shadow=Shadow(minimum_runs=5)))
    world.found = replace(good(), shadowed=copies(2))
    world.run()
    assert world.copies == [3]
    world.found = replace(good(), shadowed=copies(5))
    world.run()
    assert world.copies == [3]
