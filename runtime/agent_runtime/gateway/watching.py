"""Looks at all tools of a gateway by schedule, as `GET /health` does for a caller: whoever answers for them
hears of one that is down before an agent does. It stops no call."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from agent_runtime.gateway.declared import GatewayTool

_AT_ONCE: Final = 32
"""A gateway has 100 tools at most, each is given 5 s by its server, and the function has 29 s for all."""


def look(tools: dict[str, GatewayTool], is_well: Callable[[GatewayTool], bool]) -> dict[str, bool]:
    """Whether each tool is well, by name."""
    names = list(tools)
    with ThreadPoolExecutor(max(1, min(_AT_ONCE, len(names)))) as pool:
        return dict(zip(names, pool.map(lambda name: is_well(tools[name]), names), strict=True))
