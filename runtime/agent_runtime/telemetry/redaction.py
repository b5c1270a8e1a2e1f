"""Takes out of telemetry what nobody is to read there: keys, tokens, e-mail addresses and declared patterns.

It is the last net, not the first: secrets show themselves only when asked by name, and prompts are never
recorded. What is left are texts that others wrote, such as the reason of an error or an agent's own log line.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

MOST_PATTERNS: Final = 20
MOST_PATTERN_LETTERS: Final = 500
MOST_LETTERS: Final = 64 * 1024
"""Of one text; the rest is cut off before it is searched: a text from outside costs no more than this."""
CUT: Final = " [cut]"
_DECLARED: Final = "[redacted]"

_BUILT_IN: Final = {
    "private-key": r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----[^-]*(?:-----END [A-Z ]{0,30}PRIVATE KEY-----)?",
    "jwt": r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*",
    "bearer": r"(?i:\bbearer\s{1,4})[A-Za-z0-9._~+/=-]{16,}",
    "aws-key": r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b",
    "api-key": r"\bsk-[A-Za-z0-9_-]{16,}",
    "github-token": r"\b(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{36,})",
    "slack-token": r"\bxox[abeoprs]-[A-Za-z0-9-]{10,}",
    "slack-webhook": r"https://hooks\.slack\.com/[A-Za-z0-9/_-]+",
    "url-password": r"(?<=://)[^/\s:@]{1,100}:[^/\s@]{1,200}(?=@)",
    "email": r"[A-Za-z0-9._%+-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24}\b",
}
"""Each is bounded or has one unbounded part, so that its time grows with the text and no faster."""


class Redactor:
    """Replaces what matches. `patterns` are regular expressions of Python, as `pattern_fault` allows them."""

    def __init__(self, patterns: Sequence[str] = ()) -> None:
        built_in = [(re.compile(pattern), f"[redacted:{kind}]") for kind, pattern in _BUILT_IN.items()]
        self._rules: Final = [(re.compile(pattern), _DECLARED) for pattern in patterns] + built_in

    def text(self, text: str) -> str:
        """The text without what matches; beyond `MOST_LETTERS` it is cut."""
        if len(text) > MOST_LETTERS:
            text = text[:MOST_LETTERS] + CUT
        for rule, instead in self._rules:
            text = rule.sub(instead, text)
        return text

    def value(self, value: Any) -> Any:
        """The same for every text in a value of dicts, lists and plain values; keys of dicts too."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {self.value(key): self.value(held) for key, held in value.items()}
        if isinstance(value, list | tuple | set | frozenset):
            return [self.value(held) for held in value]
        return value


def pattern_fault(pattern: str) -> str | None:
    """What is wrong with a declared pattern, or None.

    It is searched in texts that others write, so an unbounded repeat of what can match in several ways is
    refused: `(a+)+` and `(aa?)+` take longer than the age of the universe for some short texts.
    """
    if not 0 < len(pattern) <= MOST_PATTERN_LETTERS:
        return f"a pattern has 1 to {MOST_PATTERN_LETTERS} letters"
    try:
        compiled = re.compile(pattern)
    except (re.error, RecursionError, OverflowError) as error:
        return f"it is no regular expression: {error}"
    if compiled.search("") is not None:
        return "it matches the empty text, and so every text"
    parsed = re._parser.parse(pattern)  # type: ignore[attr-defined]
    if _can_take_for_ever(parsed, inside=False):
        return "an unbounded repeat of what can match in several ways can take for ever"
    if _looks_far(parsed, at_end=True):
        return (
            "an unbounded repeat is looked for to the end of a text from each of its places, unless it "
            "ends the pattern: give it a most, such as {1,64}"
        )
    return None


_REPEATS: Final = ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT")
_LONG: Final = 1000
"""A repeat of so many counts as unbounded."""


def _can_take_for_ever(parsed: Any, *, inside: bool) -> bool:
    """Whether a choice or a repeat of no fixed count lies in an unbounded repeat. Walks the tree of Python's
    own parser: tuples, lists and sub-patterns, of which repeats hold (least, most, what)."""
    for operation, argument in parsed:
        name = str(operation)
        if name in _REPEATS:
            least, most, repeated = argument
            if (inside and most != least) or _can_take_for_ever(repeated, inside=inside or most >= _LONG):
                return True
        elif (name == "BRANCH" and inside) or any(
            _can_take_for_ever(part, inside=inside) for part in _parts(argument)
        ):
            return True
    return False


def _looks_far(parsed: Any, *, at_end: bool) -> bool:
    """Whether more follows on an unbounded repeat: 64 KiB of digits took `[0-9]+-x` twenty seconds."""
    last = len(parsed) - 1
    for place, (operation, argument) in enumerate(parsed):
        name, ends = str(operation), at_end and place == last
        if name in _REPEATS:
            _, most, repeated = argument
            if (most >= _LONG and not ends) or _looks_far(repeated, at_end=False):
                return True
        elif any(
            _looks_far(part, at_end=ends and name in ("SUBPATTERN", "BRANCH")) for part in _parts(argument)
        ):
            return True
    return False


def _parts(argument: Any) -> list[Any]:
    """Sub-patterns of an operation's argument."""
    if hasattr(argument, "data"):
        return [argument]
    if isinstance(argument, tuple | list):
        return [part for held in argument for part in _parts(held)]
    return []
