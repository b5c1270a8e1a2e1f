"""Metric math: what is computed, what is missing, and what is refused."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedded_aws.tasks.scaling.expressions import BadExpression, evaluate

NUMBERS = st.integers(-1000, 1000)
SUMS = st.recursive(
    st.one_of(NUMBERS.filter(lambda n: n >= 0).map(str), st.sampled_from(["m1", "m2"])),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from("+-*/"), inner).map(lambda t: f"({t[0]} {t[1]} {t[2]})"),
        inner.map(lambda one: f"-{one}"),
    ),
    max_leaves=12,
)


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("m1 / m2", 2.5),
        ("m1 + m2 * 2", 9.0),
        ("-(m1 - 1)", -4.0),
        ("MAX([m1, m2])", 5.0),
        ("MIN([m1, 1])", 1.0),
        ("SUM([m1, m2, 1])", 8.0),
        ("CEIL(m1 / m2)", 3.0),
        ("IF(m1 > 4, m2, 0)", 2.0),
        ("IF(m1, 1, 0)", 1.0),
        ("IF(m1 < 4, m2, 0)", 0.0),
        ("FILL(gone, 0)", 0.0),
        ("IF((m1 + FILL(gone, 0)) > 0 AND FILL(gone, 0) < 1, 1, 0)", 1.0),
        ("m1 < 1 || m2 > 1", 1.0),
        ("m1 AND 0", 0.0),
        ("gone AND m1", None),
        ("FILL(m1, 0)", 5.0),
        ("m1 / MAX([m2, 1])", 2.5),
        ("gone + 1", None),
        ("m1 / 0", None),
        ("MAX([gone, m1])", 5.0),
        ("CEIL(gone)", None),
        ("IF(gone, 1, 2)", None),
    ],
)
def test_an_expression_has_the_value_that_cloudwatch_gives_it(expression: str, value: float | None) -> None:
    assert evaluate(expression, {"m1": 5.0, "m2": 2.0, "gone": None}) == value


@pytest.mark.parametrize(
    "expression",
    [
        "",
        "m1 +",
        "unknown",
        "__import__('os').getcwd()",
        "m1.real",
        "m1 ** m1",
        "m1 < 1 < 2",
        "'text'",
        "True",
        "1j",
        "lambda: 1",
        "ANOMALY_DETECTION_BAND(m1)",
        "CEIL(m1, m1)",
        "MAX()",
        "MAX(key=m1)",
        "[m1]",
        "(" * 300 + "m1" + ")" * 300,
        "1+" * 1500 + "1",
        "9" * 5000,
    ],
)
def test_what_is_no_metric_math_is_refused(expression: str) -> None:
    with pytest.raises(BadExpression):
        evaluate(expression, {"m1": 1.0})


@given(SUMS, st.floats(-1e6, 1e6), st.floats(-1e6, 1e6))
def test_arithmetic_is_that_of_numbers(expression: str, m1: float, m2: float) -> None:
    try:
        expected = float(eval(expression, {"__builtins__": {}}, {"m1": m1, "m2": m2}))
    except (ZeroDivisionError, OverflowError):
        expected = math.nan
    found = evaluate(expression, {"m1": m1, "m2": m2})
    if math.isfinite(expected):
        assert found == pytest.approx(expected)
    else:
        assert found is None


@given(st.text(max_size=60))
def test_no_text_does_anything_but_be_computed_or_refused(expression: str) -> None:
    try:
        found = evaluate(expression, {"m1": 1.0})
    except BadExpression:
        return
    assert found is None or math.isfinite(found)
