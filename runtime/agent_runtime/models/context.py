"""How large a call's input is, and what is left out of one that is too large: pure."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from agent_runtime.errors import ContextExceeded
from agent_runtime.models.messages import Message

BYTES_PER_TOKEN: Final = 3
"""Of UTF-8. Fewer than the four that tokenisers make of English, so that a reservation is rather too large;
and one token for each letter of Chinese or Japanese."""
TOKENS_PER_MESSAGE: Final = 8
"""For what the provider puts around each message."""
CACHED_STRIDE: Final = 8
"""Messages that are left out together where the prompt's beginning is cached: it then stays the same for as
many turns, instead of changing with each."""


@dataclass(frozen=True)
class Trimmed:
    """The messages of a call, and what was left out before them."""

    messages: tuple[Message, ...]
    dropped_messages: int = 0
    dropped_tokens: int = 0


def tokens_of(system: str, messages: Sequence[Message]) -> int:
    """Tokens of an input, rather too many than too few."""
    size = len(system.encode(errors="replace")) + sum(map(_bytes, messages))
    return math.ceil(size / BYTES_PER_TOKEN) + TOKENS_PER_MESSAGE * (len(messages) + 1)


def trim(system: str, messages: Sequence[Message], most: int | None, *, stride: int = 1) -> Trimmed:
    """The newest of `messages` that fit into `most` tokens with `system`, beginning with a user's. They are
    left out from the oldest on, as many as a multiple of `stride` as far as that can be.

    Raises `ContextExceeded` if not even the system prompt and the last message fit.
    """
    if most is None or tokens_of(system, messages) <= most:
        return Trimmed(tuple(messages))
    for first in _begins(messages, stride):
        kept = messages[first:]
        if tokens_of(system, kept) <= most:
            dropped = tokens_of("", messages[:first]) - TOKENS_PER_MESSAGE
            return Trimmed(tuple(kept), first, dropped)
    least = tokens_of(system, messages[-1:])
    raise ContextExceeded(
        f"the system prompt and the last message alone are about {least} tokens, and {most} are allowed: "
        f"give the call less, or route large inputs to a tier with a larger window"
    )


def _begins(messages: Sequence[Message], stride: int) -> list[int]:
    """Where a conversation may begin, the longest first; providers want a user's message there. The last
    message is kept whoever wrote it."""
    last = len(messages) - 1
    may = [n for n in range(1, last) if messages[n]["role"] == "user"]
    even = sorted({min((m for m in may if m >= n), default=last) for n in range(stride, last + 1, stride)})
    return [*even, *([] if last in even or last < 1 else [last])]


def _bytes(message: Message) -> int:
    return len(message["content"].encode(errors="replace"))
