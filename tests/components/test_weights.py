"""How an alias divides calls."""

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_hosting._weights import Split, mistake_in, serving, split

RELEASES = ["old", "middle", "new"]


@pytest.mark.parametrize(
    ("shares", "expected"),
    [
        ({"new": 1.0}, Split("new")),
        ({"old": 1}, Split("old")),
        ({"old": 0.95, "new": 0.05}, Split("old", "new", 0.05)),
        ({"new": 0.05, "old": 0.95}, Split("old", "new", 0.05)),
        ({"new": 0.95, "middle": 0.05}, Split("middle", "new", 0.95)),
        ({"old": 0.0, "middle": 0.5, "new": 0.5}, Split("middle", "new", 0.5)),
        ({"old": 0, "middle": 0, "new": 1}, Split("new")),
    ],
)
def test_the_older_release_is_the_main_one_and_the_newer_lies_beside_it(
    shares: dict[str, float], expected: Split
) -> None:
    assert mistake_in(shares, RELEASES) is None
    assert split(shares, RELEASES) == expected


@pytest.mark.parametrize(
    ("shares", "given_input", "limit"),
    [
        ({"old": -0.1, "new": 1.1}, "shares.old", "0 to 1"),
        ({"old": 0.5, "new": 1.5}, "shares.new", "0 to 1"),
        ({"old": math.nan}, "shares.old", "0 to 1"),
        ({"old": math.inf}, "shares.old", "0 to 1"),
        ({"old": True}, "shares.old", "0 to 1"),
        ({"old": "1"}, "shares.old", "0 to 1"),
        ({"old": 0.5, "new": 0.4}, "shares", "add up to 0.9, not 1"),
        ({"old": 0.6, "new": 0.6}, "shares", "add up to 1.2, not 1"),
        ({"old": 0.0, "new": 0.0}, "shares", "add up to 0, not 1"),
        ({}, "shares", "add up to 0, not 1"),
        ({"old": 0.4, "middle": 0.3, "new": 0.3}, "shares", "two releases at most"),
        ({"other": 1.0}, "shares.other", "old, middle, new"),
    ],
)
def test_shares_that_an_alias_cannot_hold_are_mistakes(
    shares: dict[str, float], given_input: str, limit: str
) -> None:
    mistake = mistake_in(shares, RELEASES)
    assert mistake is not None
    assert mistake[0] == given_input
    assert limit in mistake[2]


@pytest.mark.parametrize(
    ("main", "weights", "expected"),
    [
        ("1", {}, {"1": 1.0}),
        ("1", {"2": 0.05}, {"1": 0.95, "2": 0.05}),
        ("1", {"2": 1.0}, {"2": 1.0}),
        ("1", {"2": 0.0}, {"1": 1.0}),
        ("1", {"2": 0.1 + 0.2}, {"1": 0.7, "2": 0.3}),
    ],
)
def test_what_an_alias_serves_is_the_rest_for_the_main_version(
    main: str, weights: dict[str, float], expected: dict[str, float]
) -> None:
    assert serving(main, weights) == expected


@st.composite
def sound_shares(draw: st.DrawFn) -> tuple[dict[str, float], list[str]]:
    releases = [str(n) for n in range(draw(st.integers(2, 5)))]
    older, newer = sorted(
        draw(st.lists(st.sampled_from(range(len(releases))), min_size=2, max_size=2, unique=True))
    )
    share = draw(st.floats(1e-6, 1 - 1e-6))
    order = draw(st.permutations([(releases[older], 1 - share), (releases[newer], share)]))
    return dict(order), releases


@given(sound_shares())
def test_an_alias_serves_what_was_declared_to_nine_digits(made: tuple[dict[str, float], list[str]]) -> None:
    shares, releases = made
    assert mistake_in(shares, releases) is None
    alias = split(shares, releases)
    assert alias.beside is not None
    held = serving(alias.main, {alias.beside: alias.share})
    assert held == {release: round(share, 9) for release, share in shares.items()}
    assert math.isclose(sum(held.values()), 1, abs_tol=1e-8)


@given(sound_shares())
def test_the_order_in_which_shares_are_written_changes_nothing(
    made: tuple[dict[str, float], list[str]],
) -> None:
    shares, releases = made
    assert split(shares, releases) == split(dict(reversed(shares.items())), releases)


@given(st.floats(0, 1, exclude_max=True), st.floats(0, 1, exclude_max=True))
def test_a_larger_share_is_never_served_less(one: float, other: float) -> None:
    low, high = (serving("1", {"2": weight}).get("2", 0.0) for weight in sorted((one, other)))
    assert low <= high
    assert all(a <= b for a, b in pairwise([0.0, low, high, 1.0]))
