"""Which positions of a run are complete, and which a worker could write next."""

from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent_runtime.errors import CheckpointError
from agent_runtime.positions import check_contiguous, is_complete, next_positions
from agent_runtime.records import Path, StepRecord, StepState

Recorded = dict[Path, StepRecord]


@dataclass(frozen=True)
class Node:
    """A step of an agent's code: plain, with steps inside, or parallel steps each with steps inside."""

    kind: str
    inside: tuple["Node", ...] = ()


@dataclass(eq=False)
class Write:
    """A write of a worker, and those that have to succeed before it is tried."""

    path: Path
    step: StepRecord
    needs: "list[Write]"


Done = tuple[list[Write], list[Write]]
"""Writes in their order, and the last of them: with parallel steps one for each."""


def steps(scope: Path, nodes: tuple[Node, ...], needs: list[Write], turns: list[int]) -> Done:
    """The writes of steps that follow one another, as the runtime does them."""
    written: list[Write] = []
    for number, node in enumerate(nodes, start=1):
        some, needs = step((*scope, number), node, needs, turns)
        written += some
    return written, needs


def step(path: Path, node: Node, needs: list[Write], turns: list[int]) -> Done:
    written: list[Write] = []
    if node.kind == "effect":
        written.append(made(path, needs))
    elif node.kind == "parallel":
        announced = made(path, needs, children=len(node.inside))
        threads = [step((*path, n), child, [announced], turns) for n, child in enumerate(node.inside, 1)]
        return [announced, *mixed([t[0] for t in threads], turns)], [w for t in threads for w in t[1]]
    elif node.inside:
        announced = made(path, needs, children=0)
        inner, needs = steps(path, node.inside, [announced], turns)
        written += [announced, *inner]
    last = made(path, [*needs, *written[-1:]], StepState.DONE)
    return [*written, last], [last]


def made(
    path: Path, needs: list[Write], state: StepState = StepState.CLAIMED, children: int | None = None
) -> Write:
    return Write(path, StepRecord(path, "s", state, 1, "t", children=children), needs)


def mixed(threads: list[list[Write]], turns: list[int]) -> list[Write]:
    """Writes of threads that come on in the order of `turns`."""
    left, found = [list(thread) for thread in threads], []
    while busy := [thread for thread in left if thread]:
        found.append(busy[(turns.pop() if turns else 0) % len(busy)].pop(0))
    return found


def _nodes(inner: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    inside = st.lists(inner, min_size=1, max_size=3).map(tuple)
    nested = inside.map(lambda nodes: Node("plain", nodes))
    # A parallel step that is itself announced as parallel is one with steps inside.
    child = st.one_of(st.sampled_from([Node("plain"), Node("effect")]), nested)
    children = st.lists(child, min_size=1, max_size=3)
    return st.one_of(nested, children.map(lambda nodes: Node("parallel", tuple(nodes))))


nodes = st.recursive(st.sampled_from([Node("plain"), Node("effect")]), _nodes, max_leaves=12)
programs = st.lists(nodes, min_size=1, max_size=4).map(tuple)
turns = st.lists(st.integers(0, 3), max_size=40)


def writes_of(program: tuple[Node, ...], order: list[int]) -> list[Write]:
    return steps((), program, [], list(order))[0]


def after(writes: list[Write]) -> Recorded:
    return {write.path: write.step for write in writes}


@settings(max_examples=200)
@given(program=programs, order=turns, cut=st.integers(0, 200))
def test_a_stale_worker_can_write_only_positions_that_a_take_over_claims(
    program: tuple[Node, ...], order: list[int], cut: int
) -> None:
    writes = writes_of(program, order)
    cut %= len(writes)
    claimed = set(next_positions(after(writes[:cut])))
    failed: set[Write] = set()
    for write in writes[cut:]:
        is_tried = not failed & set(write.needs)
        assert not is_tried or write.path in claimed, f"{write.path} is written by the stale worker"
        failed.add(write)


@given(program=programs, order=turns, cut=st.integers(0, 200))
def test_what_is_complete_is_not_open_and_all_open_positions_are_incomplete(
    program: tuple[Node, ...], order: list[int], cut: int
) -> None:
    writes = writes_of(program, order)
    recorded = after(writes[: cut % (len(writes) + 1)])
    found = next_positions(recorded)
    assert len(found) == len(set(found))
    assert not any(is_complete(recorded, path) for path in found)
    assert found[0] == (sum(is_complete(recorded, path) for path in recorded if len(path) == 1) + 1,)


@given(program=programs, order=turns)
def test_a_run_that_is_through_has_one_open_position_after_its_last(
    program: tuple[Node, ...], order: list[int]
) -> None:
    recorded = after(writes_of(program, order))
    assert all(is_complete(recorded, (number,)) for number in range(1, len(program) + 1))
    assert next_positions(recorded) == [(len(program) + 1,)]


@given(program=programs, order=turns, cut=st.integers(0, 200))
def test_every_cut_of_a_run_is_contiguous(program: tuple[Node, ...], order: list[int], cut: int) -> None:
    writes = writes_of(program, order)
    check_contiguous(after(writes[: cut % (len(writes) + 1)]), "r")


@given(program=programs, order=turns, lost=st.integers(1, 4))
def test_a_step_that_is_lost_before_another_is_noticed(
    program: tuple[Node, ...], order: list[int], lost: int
) -> None:
    recorded = after([write for write in writes_of(program, order) if write.path[0] != lost])
    if lost < len(program):
        with pytest.raises(CheckpointError, match="have a gap"):
            check_contiguous(recorded, "r")
    else:
        check_contiguous(recorded, "r")


def known(*path: int, children: int | None = None, state: StepState = StepState.CLAIMED) -> StepRecord:
    return StepRecord(path, "s", state, 1, "t", children=children)


@pytest.mark.parametrize(
    ("recorded", "found"),
    [
        ([], [(1,)]),
        ([known(1, state=StepState.DONE)], [(2,)]),
        ([known(1)], [(1,)]),
        ([known(1, state=StepState.IN_DOUBT)], [(1,)]),
        ([known(1, children=0)], [(1,), (1, 1)]),
        ([known(1, children=0), known(1, 1, state=StepState.DONE)], [(1,), (1, 2)]),
        ([known(1, children=3), known(1, 2, state=StepState.DONE)], [(1,), (1, 1), (1, 3)]),
        ([known(1, children=1), known(1, 1, state=StepState.DONE)], [(2,)]),
        ([known(1, children=2), known(1, 1, children=0)], [(1,), (1, 1), (1, 1, 1), (1, 2)]),
        ([known(1, children=2), known(1, state=StepState.DONE)], [(2,)]),
    ],
)
def test_positions_of_small_runs(recorded: list[StepRecord], found: list[Path]) -> None:
    assert next_positions({step.path: step for step in recorded}) == found
