import pytest

from embedded_aws.authorizer.conditions import UnclearCondition, hold

KEY = "aws:PrincipalTag/Team"
ROLE = "arn:aws:iam::123456789012:role/agent"

Given = tuple[str, ...] | None


def check(operator: str, values: tuple[str, ...], given: Given) -> bool:
    context = {} if given is None else {KEY.lower(): given}
    return hold({operator: {KEY: values}}, context)


@pytest.mark.parametrize(
    ("operator", "values", "given", "holds"),
    [
        ("StringEquals", ("a", "b"), ("b",), True),
        ("StringEquals", ("a",), ("A",), False),
        ("StringEqualsIgnoreCase", ("a",), ("A",), True),
        ("StringNotEqualsIgnoreCase", ("a",), ("A",), False),
        ("StringNotEquals", ("a", "b"), ("b",), False),
        ("StringNotEquals", ("a", "b"), ("c",), True),
        ("StringLike", ("a*",), ("abc",), True),
        ("StringLike", ("a?",), ("abc",), False),
        ("StringEquals", ("a*",), ("abc",), False),
        ("StringNotLike", ("a*",), ("abc",), False),
        ("StringNotLike", ("a*",), ("b",), True),
        ("ArnEquals", (ROLE,), (ROLE,), True),
        ("ArnEquals", ("arn:aws:iam::*:role/a*",), (ROLE,), True),
        ("ArnLike", ("arn:aws:iam::*:user/*",), (ROLE,), False),
        ("ArnNotEquals", (ROLE,), (ROLE,), False),
        ("ArnNotLike", ("arn:aws:iam::*:user/*",), (ROLE,), True),
        ("Bool", ("true",), ("True",), True),
        ("Bool", ("false",), ("true",), False),
        ("NumericLessThan", ("10",), ("9.5",), True),
        ("NumericGreaterThanEquals", ("10",), ("9",), False),
        ("NumericEquals", ("1",), ("1.0",), True),
        ("NumericNotEquals", ("1",), ("1",), False),
        ("NumericLessThan", ("10",), ("many",), False),
        ("DateGreaterThan", ("2026-01-01T00:00:00Z",), ("2026-06-01T00:00:00Z",), True),
        ("DateLessThan", ("1735689600",), ("2026-06-01T00:00:00Z",), False),
        ("IpAddress", ("10.0.0.0/8", "127.0.0.0/8"), ("127.0.0.1",), True),
        ("NotIpAddress", ("10.0.0.0/8",), ("127.0.0.1",), True),
        ("IpAddress", ("10.0.0.0/8",), ("not an address",), False),
    ],
)
def test_an_operator_compares_a_value_that_is_there(
    operator: str, values: tuple[str, ...], given: Given, holds: bool
) -> None:
    assert check(operator, values, given) is holds


@pytest.mark.parametrize(
    ("operator", "holds"),
    [
        ("StringEquals", False),
        ("StringLike", False),
        ("ArnLike", False),
        ("Bool", False),
        ("NumericLessThan", False),
        ("DateLessThan", False),
        ("IpAddress", False),
        ("StringNotEquals", True),
        ("StringNotLike", True),
        ("ArnNotEquals", True),
        ("ArnNotLike", True),
        ("NotIpAddress", True),
        ("StringEqualsIfExists", True),
        ("StringNotEqualsIfExists", True),
        ("ForAllValues:StringEquals", True),
        ("ForAnyValue:StringEquals", False),
        ("ForAnyValue:StringNotEquals", False),
        ("ForAnyValue:StringEqualsIfExists", True),
    ],
)
def test_a_missing_key_fails_what_asks_for_it_and_passes_what_excludes_it(operator: str, holds: bool) -> None:
    assert check(operator, ("a",), None) is holds


@pytest.mark.parametrize(
    ("operator", "given", "holds"),
    [
        ("ForAllValues:StringLike", ("a1", "a2"), True),
        ("ForAllValues:StringLike", ("a1", "b1"), False),
        ("ForAllValues:StringNotLike", ("b1", "b2"), True),
        ("ForAllValues:StringNotLike", ("a1", "b2"), False),
        ("ForAnyValue:StringLike", ("a1", "b1"), True),
        ("ForAnyValue:StringLike", ("b1", "b2"), False),
        ("ForAnyValue:StringNotLike", ("a1", "b1"), True),
        ("ForAnyValue:StringNotLike", ("a1", "a2"), False),
        ("ForAllValues:StringLike", (), True),
        ("ForAnyValue:StringLike", (), False),
        ("ForAllValues:StringLikeIfExists", ("b1",), False),
    ],
)
def test_a_key_of_many_values_is_judged_for_all_or_for_any(operator: str, given: Given, holds: bool) -> None:
    assert check(operator, ("a*",), given) is holds


@pytest.mark.parametrize(("value", "given", "holds"), [("true", None, True), ("true", ("a",), False)])
def test_null_asks_whether_a_key_is_missing(value: str, given: Given, holds: bool) -> None:
    assert check("Null", (value,), given) is holds
    assert check("Null", ("false",), given) is not holds


def test_all_keys_and_all_operators_must_hold() -> None:
    both = {"StringEquals": {"a": ("1",), "b": ("2",)}, "Bool": {"c": ("true",)}}
    assert hold(both, {"a": ("1",), "b": ("2",), "c": ("true",)})
    assert not hold(both, {"a": ("1",), "b": ("3",), "c": ("true",)})
    assert not hold(both, {"a": ("1",), "b": ("2",), "c": ("false",)})


def test_an_unknown_operator_is_named() -> None:
    with pytest.raises(UnclearCondition, match="BinaryEquals is not known"):
        check("BinaryEquals", ("a",), ("a",))


def test_several_values_without_a_quantifier_are_unclear() -> None:
    with pytest.raises(UnclearCondition, match="needs ForAllValues or ForAnyValue"):
        check("StringEquals", ("a", "b"), ("a", "b"))


def test_a_value_may_be_a_variable() -> None:
    context = {"dynamodb:leadingkeys": ("red",), KEY.lower(): ("red",)}
    assert hold({"StringEquals": {"dynamodb:LeadingKeys": (f"${{{KEY}}}",)}}, context)
    assert not hold({"StringEquals": {"dynamodb:LeadingKeys": ("${aws:PrincipalTag/none}",)}}, context)
