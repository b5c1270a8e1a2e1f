"""Whether a run goes in circles, by its calls of tools alone."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from agent_runtime.guard_spec import GuardSpec
from agent_runtime.guards.loops import WINDOW, Call, Turn, Watch, circling, rows
from agent_runtime.records import Path

DEFAULTS = GuardSpec()


def read(arguments: str, answer: str, tool: str = "look") -> Turn:
    return frozenset({Call(tool, arguments, answer, acts=False)})


def act(arguments: str, answer: str, tool: str = "send") -> Turn:
    return frozenset({Call(tool, arguments, answer, acts=True)})


@pytest.mark.parametrize(
    ("turns", "said"),
    [
        ([], None),
        ([read("a", "1")] * 2, None),
        ([read("a", "1")] * 3, "the same call of 'look' was made 3 times in a row"),
        ([read("a", "1"), read("a", "2"), read("a", "3")], None),  # something changes: it waits for that
        ([act("a", "1"), act("a", "2"), act("a", "3")], "the same call of 'send'"),  # receipts differ
        ([act("a", "sent"), act("b", "sent"), act("c", "sent")] * 1, None),
        ([act(str(n), "sent") for n in range(20)], None),
        ([read("a", "1"), act("b", "2")] * 2, "took turns 4 times"),
        ([read("a", "1"), act("b", "2"), read("a", "1")], None),
        ([read("a", "1"), act("b", "2"), read("a", "3"), act("b", "2")], None),
        ([read("a", "1"), read("b", "2"), read("c", "3")] * 2, None),
        ([read("a", "1"), read("b", "2"), read("c", "3")] * 3, "brought nothing new"),
        ([read(str(n), "nothing") for n in range(7)], "6 calls of tools in a row, the last one of 'look'"),
        ([read(str(n), "nothing") for n in range(6)], None),
        ([read("a", "1", "look"), read("a", "1", "find")] * 2, "took turns"),
    ],
)
def test_circles_are_told_from_work(turns: Sequence[Turn], said: str | None) -> None:
    found = circling(turns, DEFAULTS)
    assert found is None if said is None else found is not None and said in found


def test_a_guard_of_zero_never_trips() -> None:
    never = GuardSpec(same_call=0, alternating=0, no_news=0)
    assert circling([read("a", "1")] * 100, never) is None


@pytest.mark.parametrize("given", [{"same_call": 1}, {"alternating": 2}, {"no_news": 51}, {"no_news": -1}])
def test_a_guard_that_would_stop_every_run_or_hold_none_is_refused(given: dict[str, int]) -> None:
    with pytest.raises(ValidationError):
        GuardSpec.model_validate(given)


CALLS = st.builds(Call, st.sampled_from("xy"), st.sampled_from("ab"), st.sampled_from("12"), st.booleans())
TURNS = st.lists(st.frozensets(CALLS, min_size=1, max_size=2), max_size=30)


@given(TURNS)
def test_what_trips_trips_at_the_latest_after_as_many_repetitions_as_are_allowed(turns: list[Turn]) -> None:
    if not turns:
        return
    assert circling([*turns, *[turns[-1]] * DEFAULTS.same_call], DEFAULTS) is not None
    cycle = turns[-3:]
    assert circling([*turns, *cycle * 4], DEFAULTS) is not None


@given(st.lists(st.sampled_from("abcdef"), max_size=30), st.booleans())
def test_a_run_that_hears_something_new_each_time_never_trips(arguments: list[str], acts: bool) -> None:
    turns = [frozenset({Call("t", f"{a}{n}", str(n), acts)}) for n, a in enumerate(arguments)]
    assert circling(turns, DEFAULTS) is None


@given(TURNS, st.integers(2, 50))
def test_a_looser_guard_trips_on_nothing_that_a_stricter_one_lets_pass(turns: list[Turn], most: int) -> None:
    for name in ("same_call", "no_news"):
        off = {"same_call": 0, "alternating": 0, "no_news": 0}
        strict = GuardSpec.model_validate({**off, name: most})
        loose = GuardSpec.model_validate({**off, name: min(50, most + 1)})
        if circling(turns, loose) is not None:
            assert circling(turns, strict) is not None


@given(TURNS, TURNS)
def test_the_reason_names_no_argument(turns: list[Turn], more: list[Turn]) -> None:
    secret = "hunter2"
    said = circling([read(secret, secret)] * 10, DEFAULTS)
    assert said is not None
    assert secret not in said


def watched(watch: Watch, path: Path, call: Call, parallel: frozenset[Path] = frozenset()) -> str | None:
    places = rows(path, parallel.__contains__)
    if (reason := watch.before(path, places)) is not None:
        return reason
    watch.after(path, places, call)
    return None


def test_a_call_that_would_go_on_in_a_circle_is_stopped_before_it_is_made() -> None:
    watch = Watch(DEFAULTS)
    same = Call("look", "a", "1", acts=False)
    assert [watched(watch, (n,), same) is None for n in range(1, 5)] == [True, True, True, False]
    watch.forget()
    assert watched(watch, (4,), same) is None


def test_a_step_that_is_tried_again_counts_its_calls_once() -> None:
    watch = Watch(DEFAULTS)
    same = Call("look", "a", "1", acts=False)
    for _ in range(20):
        assert [watched(watch, (1, n), same) for n in (1, 2)] == [None, None]


def test_parallel_calls_are_one_turn_and_each_branch_is_watched_on_its_own() -> None:
    watch, gather = Watch(DEFAULTS), frozenset({(1,)})
    for branch in range(1, 30):
        assert watched(watch, (1, branch, 1), Call("look", str(branch), "none", acts=False), gather) is None
    same = Call("look", "29", "none", acts=False)
    found = [watched(watch, (1, 29, step), same, gather) for step in range(2, 5)]
    assert [reason is None for reason in found] == [True, True, False]
    assert watched(watch, (2,), Call("look", "other", "none", acts=False)) is None


def test_the_same_parallel_calls_again_and_again_are_a_circle() -> None:
    watch, gathers = Watch(DEFAULTS), frozenset({(n,) for n in range(1, 9)})
    found: list[str | None] = []
    for turn in range(1, 5):
        for branch in (1, 2):
            call = Call("look", str(branch), "none", acts=False)
            found.append(watched(watch, (turn, branch, 1), call, gathers))
    assert [reason is None for reason in found] == [True] * 6 + [False] * 1 + [True]


@given(st.lists(st.integers(1, 9), min_size=1, max_size=6), st.sets(st.integers(1, 5)))
def test_a_call_stands_in_a_row_of_its_own_branch_and_in_each_around_it(
    path: list[int], lengths: set[int]
) -> None:
    parallel = {tuple(path[:length]) for length in lengths if length < len(path)}
    found = rows(tuple(path), parallel.__contains__)
    assert found[0][0] == ()
    assert found[-1][1] == tuple(path)
    assert len(found) == len(parallel) + 1
    assert {place for _, place in found[:-1]} == parallel


def test_no_more_is_kept_than_the_window() -> None:
    watch = Watch(GuardSpec(same_call=0, alternating=0, no_news=0))
    for n in range(1, 3 * WINDOW):
        watched(watch, (n,), Call("look", str(n), str(n), acts=False))
    assert len(watch._rows[()].turns) == WINDOW
