"""One figure beside its peer or floor, both measured in this run, so that the machine's speed cancels out."""

import statistics
from typing import Any


def paired(name: str, pairs: list[tuple[float, float]], target: float, unit: str) -> dict[str, Any]:
    """A row of times measured in turns; the ratio is the median of the pairs' ratios."""
    ratio = statistics.median(ours / floor for ours, floor in pairs)
    ours, floor = (statistics.median(values) for values in zip(*pairs, strict=True))
    return row(name, ours, floor, f"<= {target}", ratio <= target, unit, ratio=ratio)


def row(
    name: str,
    ours: float,
    peer: float,
    target: str,
    met: bool,
    unit: str = "",
    *,
    ratio: float | None = None,
) -> dict[str, Any]:
    """`{name, ours, peer, ratio, target, met}`; the ratio is ours to the peer's."""
    shown = [f"{value:.4g} {unit}".strip() for value in (ours, peer)]
    found = ours / peer if ratio is None else ratio
    return {
        "name": name,
        "ours": shown[0],
        "peer": shown[1],
        "ratio": round(found, 3),
        "target": target,
        "met": met,
    }
