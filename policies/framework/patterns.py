"""IAM's wildcards: `*` stands for any characters, `?` for one.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html
"""

import re
from functools import lru_cache


@lru_cache(maxsize=4096)
def _compiled(pattern: str, fold: bool) -> re.Pattern[str]:
    shortened = re.sub(r"\*+", "*", pattern)
    regular = "".join(".*" if c == "*" else "." if c == "?" else re.escape(c) for c in shortened)
    return re.compile(regular, re.DOTALL | (re.IGNORECASE if fold else 0))


def matches(pattern: str, text: str, fold: bool = False) -> bool:
    """Whether `pattern` covers `text`. Actions are compared without regard to case: give `fold`."""
    if pattern == "*":
        return True
    if "*" not in pattern and "?" not in pattern:
        return pattern.lower() == text.lower() if fold else pattern == text
    return _compiled(pattern, fold).fullmatch(text) is not None


def overlap(one: str, other: str) -> bool:
    """Whether some text is covered by both patterns: `secret:a-*` and `secret:*-b` share `secret:a-b`."""
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
    fields = [*pattern.split(":"), *[""] * 5]
    region = fields[3] if re.fullmatch(r"[a-z0-9-]+", fields[3]) else "eu-west-1"
    account = fields[4] if fields[4].isdecimal() else "123456789012"
    return overlap(pattern, arn.replace("{region}", region).replace("{account}", account))


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
