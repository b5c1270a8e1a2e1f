"""Looks at a gateway's tools, for a caller of `GET /health` or by schedule: whoever answers for them hears of
one that is down before an agent does. It stops no call."""

import logging
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Final

from agent_runtime.gateway.declared import GatewayTool

_log = logging.getLogger("agent_runtime.gateway")
_AT_ONCE: Final = 32
"""A gateway has 100 tools at most."""
SECONDS: Final = 20.0
"""For all of them together. The function has 29 s, and a tool's own function may be given 25 s."""


def look(
    tools: Mapping[str, GatewayTool], is_well: Callable[[GatewayTool], bool], seconds: float = SECONDS
) -> dict[str, bool]:
    """Whether each tool is well, by name, after `seconds` at the latest: one of which nothing was heard by
    then is not."""
    pool = ThreadPoolExecutor(max(1, min(_AT_ONCE, len(tools))))
    try:
        asked = {name: pool.submit(is_well, tool) for name, tool in tools.items()}
        wait(asked.values(), timeout=seconds)
        return {name: _is_well(name, answer) for name, answer in asked.items()}
    finally:
        # Whoever still waits for an answer stops by its own time, and nobody waits for that.
        pool.shutdown(wait=False, cancel_futures=True)


def _is_well(name: str, answer: Future[bool]) -> bool:
    if not answer.done():
        return False
    if (error := answer.exception()) is not None:
        _log.warning("tool not looked at", extra={"tool": name}, exc_info=error)
        return False
    return answer.result()
