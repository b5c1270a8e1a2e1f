"""The token of whoever calls a run, for tools that act in that person's own right (`user_delegated`).

It is in memory while that caller waits and nowhere else: neither the run's record nor a message, checkpoint,
log line, span or entry of the trail has it, and nothing gives it to a model. So a run that was given back
and is taken up by whoever comes next has none.
"""

from typing import Final

from agent_runtime.errors import ToolRefused

HEADER: Final = "agent-user-token"
"""Of `POST /runs`, and of the call of the gateway."""


def token_missing(tool: str) -> ToolRefused:
    """Why a call of `tool` is refused in a run without a caller's token."""
    return ToolRefused(
        f"the tool {tool!r} acts by the caller's own token, which is kept nowhere and is not here now: the "
        f"caller must call again, with the header {HEADER}, and wait for the answer"
    )
