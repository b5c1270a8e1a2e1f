"""How calls or runs are divided: pure, so that every rule has a table test.

An alias has one main version and at most one more with a weight, and a traffic record is held to the same:
https://docs.aws.amazon.com/lambda/latest/dg/configuring-alias-routing.html
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

NEWEST = "newest"
STABLE = "stable"
ALL = {NEWEST: 1.0}


@dataclass(frozen=True)
class Split:
    """The main release, and the one beside it with its share."""

    main: str
    beside: str | None = None
    share: float = 0.0


def mistake_in(shares: Mapping[str, float], releases: Sequence[str]) -> tuple[str, object, str, str] | None:
    """(input, value, limit, way out) of the first mistake; `releases` are labels, the newest last."""
    for release, share in shares.items():
        where = f"shares.{release}"
        if release not in releases:
            return (
                where,
                share,
                f"only listed releases take traffic: {', '.join(releases)}",
                "List it, or drop its share.",
            )
        if isinstance(share, bool) or not isinstance(share, int | float) or not 0 <= share <= 1:
            return where, share, "a share is a number from 0 to 1", "Write 5 % as 0.05."
    served = [release for release, share in shares.items() if share > 0]
    if len(served) > 2:
        return (
            "shares",
            dict(shares),
            "traffic is divided between two releases at most",
            "Leave two with a share above 0.",
        )
    if not math.isclose(sum(shares.values()), 1.0, abs_tol=1e-9):
        return (
            "shares",
            dict(shares),
            f"the shares add up to {sum(shares.values()):g}, not 1",
            "Give the rest to one release.",
        )
    return None


def split(shares: Mapping[str, float], releases: Sequence[str]) -> Split:
    """The division by `shares`. The older release is the main one, so that it is known what to go back to."""
    served = sorted((r for r, share in shares.items() if share > 0), key=list(releases).index)
    if len(served) == 1:
        return Split(served[0])
    return Split(served[0], served[1], float(shares[served[1]]))


def serving(main: str, weights: Mapping[str, float]) -> dict[str, float]:
    """Share by version of an alias as AWS holds it."""
    shares = {version: round(float(weight), 9) for version, weight in weights.items() if weight > 0}
    rest = 1.0 - sum(shares.values())
    return {main: round(rest, 9), **shares} if rest > 1e-9 else shares
