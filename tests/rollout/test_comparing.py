"""Whether a candidate is worse, against values worked out in another way."""

from fractions import Fraction
from itertools import combinations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from agent_runtime.rollout.comparing import Amounts, mean_is_worse, rate_is_worse
from tests.rollout.samples import amounts

NONE = Amounts(0, 0.0, 0.0)


def counted(bad: int, runs: int, stable_bad: int, stable_runs: int) -> Fraction:
    """Of all ways to deal the bad runs out, the part in which the candidate gets at least `bad`."""
    ways = list(combinations(range(runs + stable_runs), bad + stable_bad))
    return Fraction(sum(sum(run < runs for run in way) >= bad for way in ways), len(ways))


@given(st.data())
def test_a_rate_is_compared_as_counting_all_ways_does(data: st.DataObject) -> None:
    runs, stable_runs = data.draw(st.integers(1, 6)), data.draw(st.integers(1, 6))
    bad, stable_bad = data.draw(st.integers(0, runs)), data.draw(st.integers(0, stable_runs))
    expected = counted(bad, runs, stable_bad, stable_runs)
    assert rate_is_worse(bad, runs, stable_bad, stable_runs) == pytest.approx(float(expected))


@pytest.mark.parametrize(
    ("given_", "chance"),
    [
        ((3, 4, 1, 4), 17 / 70),  # Fisher's cups of tea
        ((4, 4, 0, 4), 1 / 70),
        ((0, 100, 0, 100), 1.0),
        ((0, 100, 50, 100), 1.0),
        ((5, 5, 5, 5), 1.0),
        ((1, 1, 0, 1), 0.5),
    ],
)
def test_known_chances_of_a_rate(given_: tuple[int, int, int, int], chance: float) -> None:
    assert rate_is_worse(*given_) == pytest.approx(chance)


@given(st.integers(0, 9), st.integers(0, 9))
def test_without_runs_nothing_is_worse(bad: int, runs: int) -> None:
    assert rate_is_worse(min(bad, runs), runs, 0, 0) == 1.0
    assert rate_is_worse(0, 0, min(bad, runs), runs) == 1.0


RUNS = st.integers(1, 300)


@given(RUNS, RUNS, st.data())
def test_a_chance_lies_from_0_to_1_and_falls_with_each_bad_run(
    runs: int, stable_runs: int, data: st.DataObject
) -> None:
    bad, stable_bad = data.draw(st.integers(0, runs - 1)), data.draw(st.integers(0, stable_runs))
    fewer = rate_is_worse(bad, runs, stable_bad, stable_runs)
    more = rate_is_worse(bad + 1, runs, stable_bad, stable_runs)
    assert 0 <= more <= fewer <= 1


@given(RUNS, RUNS, st.data())
def test_a_worse_stable_release_excuses_more(runs: int, stable_runs: int, data: st.DataObject) -> None:
    bad, stable_bad = data.draw(st.integers(0, runs)), data.draw(st.integers(0, stable_runs - 1))
    strict = rate_is_worse(bad, runs, stable_bad, stable_runs)
    assert rate_is_worse(bad, runs, stable_bad + 1, stable_runs) >= strict


@given(st.integers(2_001, 50_000), st.integers(2_001, 50_000), st.data())
def test_of_many_runs_one_more_bad_one_excuses_nothing(
    runs: int, stable_runs: int, data: st.DataObject
) -> None:
    bad, stable_bad = data.draw(st.integers(0, runs - 1)), data.draw(st.integers(0, stable_runs))
    if rate_is_worse(bad, runs, stable_bad, stable_runs) < 0.05:
        assert rate_is_worse(bad + 1, runs, stable_bad, stable_runs) < 0.05


@pytest.mark.parametrize("bad", [50, 60, 70, 90])
def test_many_runs_are_judged_about_as_exactly_as_fewer(bad: int) -> None:
    exact, normal = rate_is_worse(bad, 1_000, 50, 1_000), rate_is_worse(bad, 1_001, 50, 1_000)
    assert normal == pytest.approx(exact, abs=0.05)


@pytest.mark.parametrize(
    ("candidate", "stable", "is_worse"),
    [
        (amounts(100, 1_000), amounts(100, 1_000), False),
        (amounts(100, 1_090), amounts(100, 1_000), False),
        (amounts(100, 1_120), amounts(100, 1_000), False),
        (amounts(1_000, 1_120), amounts(1_000, 1_000), True),
        (amounts(100, 1_200), amounts(100, 1_000), True),
        (amounts(4, 1_200), amounts(4, 1_000), False),
        (amounts(100, 500), amounts(100, 1_000), False),
        (Amounts(9, 9.0, 9.0), Amounts(9, 0.0, 0.0), True),
        (Amounts(9, 0.0, 0.0), Amounts(9, 0.0, 0.0), False),
        (amounts(1, 9_000), amounts(100, 1_000), False),
        (amounts(100, 9_000), amounts(1, 1_000), False),
        (NONE, amounts(100, 1_000), False),
        (amounts(100, 9_000), NONE, False),
    ],
)
def test_a_mean_is_worse_where_chance_does_not_explain_it(
    candidate: Amounts, stable: Amounts, is_worse: bool
) -> None:
    assert (mean_is_worse(candidate, stable) < 0.05) is is_worse


@pytest.mark.parametrize(
    ("runs", "value", "chance"),
    [
        (2, 6.314, 0.05),
        (3, 2.920, 0.05),
        (6, 2.015, 0.05),
        (11, 1.812, 0.05),
        (31, 2.457, 0.01),
        (2_000, 1.645, 0.05),
    ],
)
def test_few_runs_need_more_to_be_worse_as_the_table_of_students_t_says(
    runs: int, value: float, chance: float
) -> None:
    variance = 1.0
    mean = 1_000 + value * (variance / runs) ** 0.5
    squares = variance * (runs - 1) + runs * mean * mean
    still = Amounts(9_000, 9_000_000.0, 9_000_000_000.0)
    found = mean_is_worse(Amounts(runs, runs * mean, squares), still, margin=0.0)
    assert found == pytest.approx(chance, abs=0.0005)


def test_three_slower_runs_on_a_busy_machine_send_nothing_back() -> None:
    busy = summed([3_400.0, 3_930.0, 4_460.0])
    assert mean_is_worse(busy, amounts(102, 2_940), least=100.0) > 0.05


VALUES = st.lists(st.floats(0, 1_000), min_size=2, max_size=20)


def summed(values: list[float]) -> Amounts:
    return Amounts(len(values), sum(values), sum(value * value for value in values))


@given(VALUES)
def test_sums_give_mean_and_variance_of_the_values(values: list[float]) -> None:
    mean = sum(values) / len(values)
    variance = sum((value - mean) ** 2 for value in values) / (len(values) - 1)
    assert summed(values).mean == pytest.approx(mean)
    assert summed(values).variance == pytest.approx(variance, abs=1e-6)


@given(VALUES, VALUES)
def test_a_wider_margin_excuses_more(values: list[float], others: list[float]) -> None:
    candidate, stable = summed(values), summed(others)
    assume(candidate.mean > 1.5 * stable.mean)
    assert mean_is_worse(candidate, stable, 0.1) <= mean_is_worse(candidate, stable, 0.5) + 1e-9


def test_rounding_makes_no_variance_negative() -> None:
    assert Amounts(3, 0.3, 0.03 - 1e-12).variance == 0.0
    assert (Amounts(1, 5.0, 25.0).variance, NONE.mean, NONE.variance) == (0.0, 0.0, 0.0)
