"""What an agent reports of its own work: few names, each from 0 to 1."""

import re
from typing import Final

from agent_runtime.errors import ScoreInvalid

MOST_SCORES: Final = 10
"""Each name is a metric of its own, which costs money."""
_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,39}")


def add_score(scores: dict[str, float], name: str, value: float) -> None:
    """Note a score, in the place of one of the same name. Raises `ScoreInvalid`."""
    if not _NAME.fullmatch(name):
        raise ScoreInvalid(f"score {name!r}: a name is a letter and then up to 39 of a-z, 0-9 and '_'")
    if isinstance(value, bool) or not 0 <= value <= 1:
        raise ScoreInvalid(f"score {name!r} is {value!r}, and must be from 0 to 1")
    if name not in scores and len(scores) >= MOST_SCORES:
        raise ScoreInvalid(f"score {name!r} is one more than the {MOST_SCORES} allowed")
    scores[name] = float(value)
