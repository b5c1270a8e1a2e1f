"""The Condition element of a statement.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-single-vs-multi-valued-context-keys.html
"""

import operator
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from ipaddress import ip_address, ip_network
from typing import Any

from embedded_aws.authorizer.patterns import Context, arn_like, literal, string_like

Matcher = Callable[[str, str, Context, bool], bool]
"""(value in the policy, value in the request, context, whether variables count) -> whether they match."""

Conditions = Mapping[str, Mapping[str, tuple[str, ...]]]
"""Operator -> condition key -> values."""


class UnclearCondition(Exception):
    """A condition that cannot be judged. Whoever evaluates it must refuse the call."""


def hold(conditions: Conditions, context: Context, *, variables: bool = True) -> bool:
    """Every key of every operator must hold; the values of one key are alternatives."""
    return all(
        _holds(name, key, values, context, variables)
        for name, keys in conditions.items()
        for key, values in keys.items()
    )


def _holds(name: str, key: str, values: tuple[str, ...], context: Context, variables: bool) -> bool:
    quantifier, _, rest = name.rpartition(":")
    base = rest.removesuffix("IfExists")
    given = context.get(key.lower())
    if base == "Null":
        return all((not given) == (value.lower() == "true") for value in values)
    found = _OPERATORS.get(base)
    if found is None or quantifier not in {"", "ForAllValues", "ForAnyValue"}:
        raise UnclearCondition(f"the condition operator {name} is not known")
    matches, negated = found
    if given is None and base != rest:
        return True
    if not given:
        return quantifier == "ForAllValues" or (negated and quantifier == "")
    if quantifier == "" and len(given) > 1:
        raise UnclearCondition(f"{key} has several values here: {name} needs ForAllValues or ForAnyValue")

    def fits(one: str) -> bool:
        return any(matches(value, one, context, variables) for value in values) != negated

    return any(map(fits, given)) if quantifier == "ForAnyValue" else all(map(fits, given))


def _equals(value: str, given: str, context: Context, variables: bool) -> bool:
    return literal(value, context, variables=variables) == given


def _equals_ignoring_case(value: str, given: str, context: Context, variables: bool) -> bool:
    wanted = literal(value, context, variables=variables)
    return wanted is not None and wanted.lower() == given.lower()


def _like(value: str, given: str, context: Context, variables: bool) -> bool:
    return string_like(value, given, context, variables=variables)


def _arn(value: str, given: str, context: Context, variables: bool) -> bool:
    return arn_like(value, given, context, variables=variables)


def _bool(value: str, given: str, _context: Context, _variables: bool) -> bool:
    return value.lower() == given.lower()


def _within(value: str, given: str, _context: Context, _variables: bool) -> bool:
    try:
        return ip_address(given) in ip_network(value, strict=False)
    except ValueError:
        return False


def _compared(
    read: Callable[[str], Any],
    compare: Callable[[Any, Any], bool],
    value: str,
    given: str,
    _context: Context,
    _variables: bool,
) -> bool:
    try:
        return compare(read(given), read(value))
    except ValueError:
        return False


def _moment(text: str) -> datetime:
    """ISO 8601, or seconds since 1970."""
    try:
        return datetime.fromtimestamp(float(text), UTC)
    except ValueError:
        moment = datetime.fromisoformat(text)
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


_COMPARISONS: dict[str, tuple[Callable[[Any, Any], bool], bool]] = {
    "Equals": (operator.eq, False),
    "NotEquals": (operator.eq, True),
    "LessThan": (operator.lt, False),
    "LessThanEquals": (operator.le, False),
    "GreaterThan": (operator.gt, False),
    "GreaterThanEquals": (operator.ge, False),
}

_OPERATORS: dict[str, tuple[Matcher, bool]] = {
    "StringEquals": (_equals, False),
    "StringNotEquals": (_equals, True),
    "StringEqualsIgnoreCase": (_equals_ignoring_case, False),
    "StringNotEqualsIgnoreCase": (_equals_ignoring_case, True),
    "StringLike": (_like, False),
    "StringNotLike": (_like, True),
    "ArnEquals": (_arn, False),
    "ArnNotEquals": (_arn, True),
    "ArnLike": (_arn, False),
    "ArnNotLike": (_arn, True),
    "Bool": (_bool, False),
    "IpAddress": (_within, False),
    "NotIpAddress": (_within, True),
    **{f"Numeric{n}": (partial(_compared, float, c), not_) for n, (c, not_) in _COMPARISONS.items()},
    **{f"Date{n}": (partial(_compared, _moment, c), not_) for n, (c, not_) in _COMPARISONS.items()},
}
"""Operator -> (matcher, whether a match makes the condition false)."""
