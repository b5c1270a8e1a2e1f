"""One turn of a conversation with a model."""

from typing import Literal, TypedDict


class Message(TypedDict):
    """One turn of the conversation."""

    role: Literal["user", "assistant"]
    content: str
