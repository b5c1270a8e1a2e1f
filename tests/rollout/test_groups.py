"""Agents that advance together and fall back together."""

from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_runtime.errors import MoveRefused
from agent_runtime.rollout import moves
from agent_runtime.rollout.actions import Action
from agent_runtime.rollout.decide import decide
from agent_runtime.rollout.groups import member_of, stage_of
from agent_runtime.rollout.observation import THROUGH, Member
from agent_runtime.rollout.plan import Plan
from agent_runtime.rollout.record import Phase, Record
from tests.rollout.samples import AGENT, MINUTE, NOW, A, B, canary, good, plan, waiting, watched

CALLED = plan(group=("search", AGENT))
"""This agent calls `search`."""
CALLS = plan(group=(AGENT, "caller"))


@pytest.mark.parametrize(
    ("of", "record", "member", "action"),
    [
        (CALLED, waiting(), None, Action.HOLD),
        (CALLED, waiting(), Member(0), Action.HOLD),
        (CALLED, waiting(), Member(1), Action.ADVANCE),
        (CALLED, waiting(), Member(THROUGH), Action.ADVANCE),
        (CALLED, waiting(), Member(1, fell_back=True), Action.HOLD),
        (CALLED, canary(0), Member(1), Action.HOLD),
        (CALLED, canary(0), Member(2), Action.ADVANCE),
        (CALLED, canary(2), Member(3), Action.HOLD),
        (CALLED, canary(2), Member(THROUGH), Action.PROMOTE),
        (CALLED, canary(2), Member(0, fell_back=True), Action.GO_BACK),
        (CALLED, watched(), Member(0, fell_back=True), Action.GO_BACK),
        (CALLED, watched(since=0), Member(3), Action.HOLD),
        (CALLED, watched(since=0), Member(THROUGH), Action.SETTLE),
        (CALLS, waiting(), Member(0), Action.ADVANCE),
        (CALLS, canary(0), Member(0), Action.HOLD),
        (CALLS, canary(0), Member(1), Action.ADVANCE),
        (CALLS, canary(2), Member(3), Action.PROMOTE),
    ],
)
def test_who_is_called_goes_first_and_nobody_leaves_the_others_behind(
    of: Plan, record: Record, member: Member | None, action: Action
) -> None:
    other = "search" if of is CALLED else "caller"
    found = replace(good(), members={other: member} if member else {})
    assert decide(of, record, found, NOW).action is action


def test_a_person_cannot_promote_past_the_group_either() -> None:
    with pytest.raises(MoveRefused, match="waits for search, which is in its group"):
        moves.promote(CALLED, canary(0), replace(good(), members={"search": Member(1)}), NOW)


def test_a_plan_names_its_own_agent_in_its_group_and_each_once() -> None:
    for wrong in (("search",), (AGENT, AGENT)):
        with pytest.raises(ValueError, match=f"group must name {AGENT}"):
            plan(group=wrong)


@dataclass
class World:
    """A group of agents, each decided in turn, minute by minute."""

    names: tuple[str, ...]
    records: dict[str, Record] = field(default_factory=dict)
    now: int = NOW

    def __post_init__(self) -> None:
        self.records = {name: waiting() for name in self.names}

    def plan(self, name: str) -> Plan:
        return plan(agent=name, group=self.names)

    def call(self, name: str, alarms: tuple[str, ...] = ()) -> None:
        members = {other: member_of(self.plan(other), self.records[other]) for other in self.names}
        members.pop(name)
        found = replace(good(), members=members, alarms=alarms)
        self.records[name] = decide(self.plan(name), self.records[name], found, self.now).record

    def stages(self) -> list[int]:
        return [stage_of(self.records[name], B) for name in self.names]


CALLS_IN_ANY_ORDER = st.lists(st.permutations(("one", "two", "three")), min_size=20, max_size=20)


@given(CALLS_IN_ANY_ORDER)
def test_a_group_keeps_step_in_dependency_order_and_comes_through(orders: list[list[str]]) -> None:
    world = World(("one", "two", "three"))
    for order in orders:
        for name in order:
            world.call(name)
            stages = [min(stage, 4) for stage in world.stages()]
            assert stages == sorted(stages, reverse=True), "each after those that it calls"
            assert max(stages) - min(stages) <= 1
        world.now += 5 * MINUTE
    assert world.stages() == [THROUGH] * 3


@given(CALLS_IN_ANY_ORDER, st.integers(0, 10), st.sampled_from(["one", "two", "three"]))
def test_when_one_goes_back_all_that_have_runs_or_are_watched_go_back_within_a_round(
    orders: list[list[str]], bad_round: int, bad: str
) -> None:
    world = World(("one", "two", "three"))
    for number, order in enumerate(orders[: bad_round + 2]):
        for name in order:
            world.call(name, ("too-many-errors",) if number == bad_round and name == bad else ())
        world.now += 5 * MINUTE
    if B in world.records[bad].rejected:
        assert {record.shares.get(B, 0) for record in world.records.values()} == {0}
        assert all(record.phase in (Phase.STEADY, Phase.WAITING) for record in world.records.values())
    assert all(record.stable in (A, B) for record in world.records.values())
