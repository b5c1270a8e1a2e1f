"""An SVG of what was spent: a bar for each line of the report, on one scale."""

from collections.abc import Sequence
from html import escape
from typing import Final

from agent_runtime.spend.reading import Spent

_WIDTH, _HEIGHT = 820, 300
_LEFT, _TOP, _BOTTOM = 70, 56, 48
_COLOUR, _INK, _FAINT = "#2e6f9e", "#1f2933", "#616e7c"
_STYLE: Final = f"font-family:system-ui,sans-serif;font-size:11px;fill:{_INK}"
_MOST_NAMES: Final = 12
"""Names below the bars; of more bars than that some stay unnamed."""


def spend_picture(title: str, lines: Sequence[Spent]) -> str:
    """The lines in their order, as high as their dollars; each bar tells its name and amount when pointed
    at."""
    most = max((line.usd for line in lines), default=0.0)
    room, depth = _WIDTH - _LEFT - 20, _HEIGHT - _TOP - _BOTTOM
    step = room / max(1, len(lines))
    every = max(1, -(-len(lines) // _MOST_NAMES))
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{_HEIGHT}" '
        f'viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" style="{_STYLE}">',
        f"<title>{escape(title)}</title>",
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#ffffff"/>',
        f'<text x="20" y="30" style="font-size:16px;font-weight:600">{escape(title)}</text>',
        f'<text x="20" y="{_TOP + 4}" style="fill:{_FAINT}">{most:.4g}</text>',
        f'<text x="20" y="{_TOP + depth + 4}" style="fill:{_FAINT}">0 USD</text>',
        f'<path d="M{_LEFT} {_TOP}H{_WIDTH - 20}M{_LEFT} {_TOP + depth}H{_WIDTH - 20}" stroke="#d5dbe1"/>',
    ]
    for n, line in enumerate(lines):
        height = round(depth * line.usd / most, 1) if most else 0.0
        x, y = round(_LEFT + step * n + step * 0.1, 1), round(_TOP + depth - height, 1)
        told = escape(f"{line.name}: {line.usd:.6f} USD")
        parts.append(
            f'<rect x="{x}" y="{y}" width="{round(step * 0.8, 1)}" height="{height}" fill="{_COLOUR}">'
            f"<title>{told}</title></rect>"
        )
        if n % every == 0:
            middle = round(x + step * 0.4, 1)
            parts.append(
                f'<text x="{middle}" y="{_HEIGHT - 24}" text-anchor="middle">{escape(line.name[-14:])}</text>'
            )
    total = sum(line.usd for line in lines)
    parts.append(f'<text x="20" y="{_HEIGHT - 6}" style="fill:{_FAINT}">{total:.6f} USD in all</text>')
    return "\n".join([*parts, "</svg>\n"])
