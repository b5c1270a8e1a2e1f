"""Blocks of addresses that take in everywhere."""

import re
from collections.abc import Iterable

_BLOCK = re.compile(r"([\d.]+|[\da-fA-F.]*:[\da-fA-F:.]*)/(\d{1,3})")
_OF_NOBODY = ("224.", "240.")
"""Addresses of groups, and those kept for later."""


def everywhere(blocks: Iterable[str]) -> bool:
    """Whether the blocks take in everywhere. Halves and quarters of it, as in 0.0.0.0/1, count as well:
    nobody was given more than a 256th, and all of IPv6 that anybody was given is in 2000::/3."""
    return any(map(_is_wide, blocks))


def _is_wide(block: str) -> bool:
    found = _BLOCK.fullmatch(block)
    if found is None or found[1].startswith(_OF_NOBODY):
        return False
    return int(found[2]) < (4 if ":" in found[1] else 8)
