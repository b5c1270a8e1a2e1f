"""An SVG of scores against their thresholds, to put into a review."""

import math
from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import Final

from agent_runtime.rollout.gates import Evidence, Judged, Measured

_WIDTH, _ROW, _TOP = 820, 56, 64
_LEFT, _BAR, _HEIGHT = 190, 380, 16
_LABEL = 24
"""Letters of a metric's name that fit beside the bar."""
_MET, _MISSED, _STABLE = "#2e7d4f", "#b3402e", "#9aa5b1"
_STYLE: Final = "font-family:system-ui,sans-serif;font-size:13px;fill:#1f2933"


def picture(evidence: Evidence, judged: Sequence[Judged], stable: Evidence | None = None) -> str:
    """One row for each threshold: the score as a bar with its interval, the threshold as a mark, and the
    stable bundle's score below it. Each row has a scale of its own, which ends beyond all that it shows."""
    before: Mapping[str, Measured] = stable.metrics if stable else {}
    height = _TOP + _ROW * len(judged) + 34
    title = f"{evidence.agent}: bundle {evidence.bundle_id}"
    against = f", against stable {stable.bundle_id}" if stable else ""
    rows = [_row(one, before.get(one.metric), _TOP + _ROW * n) for n, one in enumerate(judged)]
    legend = "bar: measured; thin line: 95 % interval; dark mark: threshold"
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{height}" '
            f'viewBox="0 0 {_WIDTH} {height}" role="img" style="{_STYLE}">',
            f"<title>{escape(title + against)}</title>",
            f'<rect width="{_WIDTH}" height="{height}" fill="#ffffff"/>',
            f'<text x="20" y="32" style="font-size:16px;font-weight:600">{escape(title)}'
            f'<tspan style="font-weight:400">{escape(against)}</tspan></text>',
            *rows,
            f'<text x="20" y="{height - 14}" style="font-size:11px;fill:#616e7c">{legend}'
            f"{'; grey bar: stable bundle' if stable else ''}</text>",
            "</svg>\n",
        ]
    )


def number(value: float) -> str:
    """A figure for people: three digits that count, whole numbers above a thousand, and small ones such as
    the cost of a run without an exponent."""
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    if 1e-7 <= abs(value) < 0.001:
        return f"{value:.{1 - math.floor(math.log10(abs(value)))}f}"
    return f"{value:.3g}"


def _row(judged: Judged, stable: Measured | None, y: int) -> str:
    limit = judged.threshold.at_least if judged.threshold.at_least is not None else judged.threshold.at_most
    threshold = limit or 0.0
    shown = [m for m in (judged.measured, stable) if m is not None]
    is_rate = judged.threshold.at_least is not None and threshold <= 1
    beyond = max(threshold, *(m.high if m.high is not None else m.value for m in shown), 0.0)
    scale = max(1.0, beyond) if is_rate else beyond * 1.2 or 1.0

    def x(value: float) -> float:
        return round(_LEFT + _BAR * min(max(value / scale, 0.0), 1.0), 1)

    name = judged.metric if len(judged.metric) <= _LABEL else f"{judged.metric[: _LABEL - 1]}…"
    colour = _MET if judged.reason is None else _MISSED
    parts = [
        f'<text x="20" y="{y + 14}">{escape(name)}</text>',
        f'<rect x="{_LEFT}" y="{y}" width="{_BAR}" height="{_HEIGHT}" rx="2" fill="#eef1f4"/>',
    ]
    if judged.measured is not None:
        parts.append(_bar(y, x(judged.measured.value), _HEIGHT, colour))
        parts += _interval(judged.measured, x, y + _HEIGHT / 2)
    if stable is not None:
        parts.append(_bar(y + _HEIGHT + 3, x(stable.value), 7, _STABLE))
        parts.append(
            f'<text x="{_LEFT + _BAR + 12}" y="{y + 30}" style="font-size:11px;fill:#616e7c">stable '
            f"{number(stable.value)}</text>"
        )
    mark = x(threshold)
    verdict = "met" if judged.reason is None else "missed"
    value = number(judged.measured.value) if judged.measured else "not measured"
    told = escape(f"{value} ({judged.threshold.text()})")
    parts += [
        f'<line x1="{mark}" x2="{mark}" y1="{y - 5}" y2="{y + _HEIGHT + 5}" stroke="#1f2933" '
        f'stroke-width="2.5"/>',
        f'<text x="{_LEFT + _BAR + 12}" y="{y + 13}"><tspan style="fill:{colour};font-weight:600">{verdict}'
        f"</tspan> {told}</text>",
    ]
    return "\n".join(parts)


def _bar(y: float, end: float, height: float, colour: str) -> str:
    width = round(end - _LEFT, 1)
    return f'<rect x="{_LEFT}" y="{y}" width="{width}" height="{height}" rx="2" fill="{colour}"/>'


def _interval(measured: Measured, x: Callable[[float], float], y: float) -> list[str]:
    if measured.low is None or measured.high is None:
        return []
    low, high = x(measured.low), x(measured.high)
    return [
        f'<path d="M{low} {y - 4}v8M{low} {y}H{high}M{high} {y - 4}v8" fill="none" stroke="#1f2933" '
        f'stroke-width="1.2"/>'
    ]
