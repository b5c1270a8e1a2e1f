"""IAM's wildcards: `*` stands for any characters, `?` for one.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html
"""

import re
from functools import lru_cache


@lru_cache(maxsize=4096)
def _compiled(pattern: str, fold: bool) -> re.Pattern[str]:
    """What stands between two stars is taken where it comes first and never again, by atomic groups: a
    pattern of many stars must not try every way of dividing a text."""
    first, *others = [
        "".join("." if c == "?" else re.escape(c) for c in part) for part in re.split(r"\*+", pattern)
    ]
    last = [f".*{others.pop()}"] if others else []
    regular = "".join([first, *(f"(?>.*?{part})" for part in others), *last])
    return re.compile(regular, re.DOTALL | (re.IGNORECASE if fold else 0))


@lru_cache(maxsize=65_536)  # a stack's roles are asked about the same actions by rule after rule
def matches(pattern: str, text: str, fold: bool = False) -> bool:
    """Whether `pattern` covers `text`. Actions are compared without regard to case: give `fold`."""
    if pattern == "*":
        return True
    if "*" not in pattern and "?" not in pattern:
        return pattern.lower() == text.lower() if fold else pattern == text
    return _compiled(pattern, fold).fullmatch(text) is not None


def overlap(one: str, other: str) -> bool:
    """Whether some text is covered by both patterns: `secret:a-*` and `secret:*-b` share `secret:a-b`."""
    one, other = (re.sub(r"\*+", "*", pattern) for pattern in (one, other))
    reached = {0}
    for letter in one:
        if letter == "*":
            low = min(_starred(other, reached))
            reached = set(range(low, len(other) + 1))
        else:
            reached = {after for at in _starred(other, reached) for after in _stepped(other, at, letter)}
        if not reached:
            return False
    return len(other) in _starred(other, reached)


def covers_somewhere(pattern: str, arn: str) -> bool:
    """Whether `pattern` covers `arn`, in which `{region}` and `{account}` stand for any one.

    They are taken from the pattern where it names them. Stars in their place would not do: a star stands for
    colons as well, so that two ARNs that share nothing could meet in a third.
    """
    region, account, start = _read(pattern)
    named = arn.replace("{region}", region).replace("{account}", account)
    length = min(len(start), len(_literal(named)))
    return start[:length] == named[:length] and overlap(pattern, named)


@lru_cache(maxsize=4096)
def _read(pattern: str) -> tuple[str, str, str]:
    """Region and account of an ARN's pattern, and what it begins with. Most patterns differ there."""
    fields = [*pattern.split(":"), *[""] * 5]
    region = fields[3] if re.fullmatch(r"[a-z0-9-]+", fields[3]) else "eu-west-1"
    account = fields[4] if fields[4].isdecimal() else "123456789012"
    return region, account, _literal(pattern)


def _literal(pattern: str) -> str:
    """What stands before the first wildcard."""
    return pattern.partition("*")[0].partition("?")[0]


def _starred(pattern: str, reached: set[int]) -> set[int]:
    """The places reached, and those behind stars, which may stand for nothing."""
    found = set(reached)
    for at in sorted(reached):
        while at < len(pattern) and pattern[at] == "*":
            at += 1
            found.add(at)
    return found


def _stepped(pattern: str, at: int, letter: str) -> tuple[int, ...]:
    if at == len(pattern):
        return ()
    if pattern[at] == "*":
        return (at,)
    return (at + 1,) if letter == "?" or pattern[at] in ("?", letter) else ()
