"""One model call: caps before it, token counts and price after it."""

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Final, Literal, Protocol, TypedDict

from agent_runtime.bundle import ModelSpec
from agent_runtime.errors import ModelCallLimitExceeded, ModelReplyInvalid, ModelUnavailable
from agent_runtime.records import Usage
from agent_runtime.telemetry import semantics
from agent_runtime.telemetry.spans import annotate, open_span

LETTERS_PER_TOKEN: Final = 3
"""Fewer than the four that tokenisers make of English, so that a reservation is rather too large."""
TOKENS_PER_MESSAGE: Final = 8
"""For what the provider puts around each message."""


class Message(TypedDict):
    """One turn of the conversation."""

    role: Literal["user", "assistant"]
    content: str


@dataclass(frozen=True)
class ModelRequest:
    """What a provider is asked."""

    system: str
    messages: tuple[Message, ...]
    max_output_tokens: int
    run_id: str
    remaining_seconds: Callable[[], float]
    """Time left for the call, its retries included."""


@dataclass(frozen=True)
class Completion:
    """What a provider answered. A count it did not give is None, never 0."""

    text: str | None
    input_tokens: int | None
    output_tokens: int | None


@dataclass(frozen=True)
class ModelReply:
    """A reply with what it cost."""

    text: str
    input_tokens: int
    output_tokens: int
    cost_usd: float
    model: str

    def as_dict(self) -> dict[str, str | int | float]:
        """The reply as it is checkpointed."""
        return asdict(self)


class Provider(Protocol):
    """Calls a model. Raises the errors below `ModelError`."""

    def complete(self, spec: ModelSpec, request: ModelRequest) -> Completion: ...


class ModelClient:
    """Calls the bundle's model through its provider."""

    def __init__(self, spec: ModelSpec, provider: Provider) -> None:
        self._spec = spec
        self._provider = provider

    def most(self, *, system: str, messages: Sequence[Message], max_output_tokens: int | None) -> Usage:
        """What a call may use at most, as far as that can be told beforehand."""
        letters = len(system) + sum(len(message["content"]) for message in messages)
        given = math.ceil(letters / LETTERS_PER_TOKEN) + TOKENS_PER_MESSAGE * (len(messages) + 1)
        asked = self._spec.max_output_tokens if max_output_tokens is None else max_output_tokens
        return Usage(given, asked, self._spec.cost_usd(given, asked), model_calls=1)

    def call(
        self,
        *,
        system: str,
        messages: Sequence[Message],
        max_output_tokens: int | None,
        run_id: str,
        remaining_seconds: Callable[[], float],
    ) -> ModelReply:
        """Ask the model once. Raises `ModelError`, and `ModelCallLimitExceeded` for more tokens than
        allowed."""
        allowed = self._spec.max_output_tokens
        wanted = allowed if max_output_tokens is None else max_output_tokens
        if not 1 <= wanted <= allowed:
            raise ModelCallLimitExceeded(
                f"the call asks for {wanted} output tokens, the manifest allows {allowed}"
            )
        if remaining_seconds() <= 0:
            raise ModelUnavailable("no time is left for a model call")
        request = ModelRequest(system, tuple(messages), wanted, run_id, remaining_seconds)
        with open_span(semantics.chat(self._spec, wanted)):
            return self._answered(request)

    def _answered(self, request: ModelRequest) -> ModelReply:
        completion = self._provider.complete(self._spec, request)
        if not completion.text:
            raise ModelReplyInvalid(f"{self._spec.name} replied without text")
        if completion.input_tokens is None or completion.output_tokens is None:
            raise ModelReplyInvalid(f"{self._spec.name} replied without token counts, so its cost is unknown")
        reply = ModelReply(
            text=completion.text,
            input_tokens=completion.input_tokens,
            output_tokens=completion.output_tokens,
            cost_usd=self._spec.cost_usd(completion.input_tokens, completion.output_tokens),
            model=self._spec.name,
        )
        annotate(semantics.answered(reply))
        return reply
