"""Wildcards and policy variables of the IAM policy language."""

import re
from collections.abc import Mapping
from functools import lru_cache

Context = Mapping[str, tuple[str, ...]]
"""Condition keys, in lower case, and their values in the request. A key that is absent has no entry."""

_VARIABLE = re.compile(r"\$\{\s*([^},]+?)\s*(?:,\s*'([^']*)'\s*)?\}")
_ESCAPED = {"*": "*", "?": "?", "$": "$"}


def like(pattern: str, text: str, *, ignore_case: bool = False) -> bool:
    """Whether `text` matches: `*` is any run of characters, `?` is any one."""
    return _wildcards(pattern, ignore_case).fullmatch(text) is not None


def resource_like(pattern: str, resource: str, context: Context, *, variables: bool = True) -> bool:
    """Whether an ARN matches a Resource pattern.

    Fields that a pattern leaves out match anything; a wildcard stays within its field, save in the last:
    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html
    """
    if pattern == "*":
        return True
    if variables and "${" in pattern:
        return _arn_matches(_resolved(pattern, context), resource)
    return _arn_matches(pattern, resource)


def arn_like(pattern: str, arn: str, context: Context, *, variables: bool = True) -> bool:
    """ArnLike and ArnEquals: each of the six fields on its own.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html#Conditions_ARN
    """
    return resource_like(pattern, arn, context, variables=variables)


def literal(value: str, context: Context, *, variables: bool = True) -> str | None:
    """The value with its variables filled in; None when one of them has no value in the request."""
    if not variables or "${" not in value:
        return value
    return _fill(value, context, escape=False)


def string_like(pattern: str, text: str, context: Context, *, variables: bool = True) -> bool:
    if not variables or "${" not in pattern:
        return like(pattern, text)
    filled = _resolved(pattern, context)
    return filled is not None and _compiled(filled).fullmatch(text) is not None


# A pattern with variables filled in marks what is literal in it with this character before each one.
_MARK = "\x00"


def _resolved(pattern: str, context: Context) -> str | None:
    """Wildcards in a value that comes from the request are literal: a tag `*` must not open everything."""
    return _fill(pattern, context, escape=True)


def _fill(pattern: str, context: Context, *, escape: bool) -> str | None:
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html"""
    missing = False

    def value_of(found: re.Match[str]) -> str:
        nonlocal missing
        name, default = found[1], found[2]
        values = (_ESCAPED[name],) if name in _ESCAPED else context.get(name.lower(), ())
        if len(values) == 1:
            value = values[0]
        elif default is not None and not values:
            value = str(default)
        else:
            missing = True
            return ""
        return "".join(_MARK + c for c in value) if escape else value

    filled = _VARIABLE.sub(value_of, pattern)
    return None if missing else filled


def _arn_matches(pattern: str | None, arn: str) -> bool:
    if pattern is None:
        return False
    wanted, given = _fields(pattern), arn.split(":", 5)
    wanted += ["*"] * (6 - len(wanted))
    return len(given) == 6 and all(_compiled(w).fullmatch(g) for w, g in zip(wanted, given, strict=True))


def _fields(pattern: str) -> list[str]:
    if _MARK not in pattern:
        return pattern.split(":", 5)
    return re.split(rf"(?<!{_MARK}):", pattern, maxsplit=5)


@lru_cache(maxsize=8192)
def _wildcards(pattern: str, ignore_case: bool) -> re.Pattern[str]:
    parts = {"*": ".*", "?": "."}
    return re.compile(
        "".join(parts.get(c) or re.escape(c) for c in pattern),
        re.DOTALL | (re.IGNORECASE if ignore_case else 0),
    )


@lru_cache(maxsize=8192)
def _compiled(pattern: str) -> re.Pattern[str]:
    if _MARK not in pattern:
        return _wildcards(pattern, False)
    expression, characters = "", iter(pattern)
    for c in characters:
        if c == _MARK:
            expression += re.escape(next(characters))
        else:
            expression += {"*": ".*", "?": "."}.get(c) or re.escape(c)
    return re.compile(expression, re.DOTALL)
