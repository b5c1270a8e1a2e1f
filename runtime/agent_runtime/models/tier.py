"""One tier: a model, what calls it, and what a call of it costs."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Final, Protocol

from agent_runtime.bundle import ModelSpec
from agent_runtime.errors import ModelCallLimitExceeded, ModelReplyInvalid
from agent_runtime.model_routing import ONLY_TIER
from agent_runtime.models.context import CACHED_STRIDE, tokens_of, trim
from agent_runtime.models.messages import Message
from agent_runtime.records import Usage
from agent_runtime.telemetry import semantics
from agent_runtime.telemetry.spans import annotate, open_span

TRY_SECONDS: Final = 60.0
"""Longest that one try may take, where the tier does not say."""


@dataclass(frozen=True)
class ModelRequest:
    """What a provider is asked."""

    system: str
    messages: tuple[Message, ...]
    max_output_tokens: int
    run_id: str
    remaining_seconds: Callable[[], float]
    """Time left for the call."""
    dropped_messages: int = 0
    dropped_tokens: int = 0


@dataclass(frozen=True)
class Completion:
    """What a provider answered. A count it did not give is None, never 0."""

    text: str | None
    input_tokens: int | None
    """All of the input, whether it was cached or not."""
    output_tokens: int | None
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0


@dataclass(frozen=True)
class ModelReply:
    """A reply with what it cost."""

    text: str
    input_tokens: int
    output_tokens: int
    cost_usd: float
    model: str
    tier: str = ONLY_TIER
    cache_read_tokens: int = 0
    """Part of the input that the provider had kept."""
    cache_write_tokens: int = 0
    """Part of the input that it keeps from here on."""
    dropped_messages: int = 0
    """The oldest messages, left out since the input may fill a share of the window only."""
    dropped_tokens: int = 0
    unavailable: str = ""
    """Tiers that were throttled or down and in whose place this one was asked, divided by commas."""

    @property
    def usage(self) -> Usage:
        """What the call counts for its run."""
        left_out = (self.dropped_messages, self.dropped_tokens)
        return Usage(self.input_tokens, self.output_tokens, self.cost_usd, 1, *left_out)

    def as_dict(self) -> dict[str, str | int | float]:
        """The reply as it is checkpointed: what says nothing is left out."""
        held = {field.name: (getattr(self, field.name), field.default) for field in fields(self)}
        return {name: value for name, (value, default) in held.items() if value != default}

    def fallen_back_from(self, tiers: Iterable[str]) -> "ModelReply":
        """The same, in the place of these tiers."""
        return replace(self, unavailable=",".join(tiers))


class Provider(Protocol):
    """Asks a model once. Raises the errors below `ModelError`."""

    def complete(self, spec: ModelSpec, request: ModelRequest) -> Completion: ...


Work = Callable[[], ModelReply]


@dataclass(frozen=True)
class Tier:
    """A model under the name that rules give it."""

    name: str
    spec: ModelSpec
    provider: Provider
    server: str = ""
    """Where only this tier is called; empty for where all others are."""

    def request(
        self,
        system: str,
        messages: Sequence[Message],
        max_output_tokens: int | None,
        run_id: str,
        remaining_seconds: Callable[[], float],
    ) -> ModelRequest:
        """What this tier is asked, with the oldest messages left out where it may not read all. Raises
        `ModelCallLimitExceeded` and `ContextExceeded`."""
        allowed = self.spec.max_output_tokens
        wanted = allowed if max_output_tokens is None else max_output_tokens
        if not 1 <= wanted <= allowed:
            raise ModelCallLimitExceeded(
                f"the call asks for {wanted} output tokens, the manifest allows {allowed}"
            )
        most = self.spec.most_input_tokens(wanted)
        kept = trim(system, messages, most, stride=CACHED_STRIDE if self.spec.cache else 1)
        return ModelRequest(
            system,
            kept.messages,
            wanted,
            run_id,
            remaining_seconds,
            kept.dropped_messages,
            kept.dropped_tokens,
        )

    def most(self, request: ModelRequest) -> Usage:
        """What a call may use at most, as far as that can be told beforehand."""
        given, asked = tokens_of(request.system, request.messages), request.max_output_tokens
        return Usage(given, asked, self.spec.most_usd(given, asked), model_calls=1)

    def try_seconds(self, request: ModelRequest) -> float:
        """Longest that one try may take: the tier's own bound, or what time is left."""
        return min(self.spec.timeout_seconds or TRY_SECONDS, request.remaining_seconds())

    def ask(self, request: ModelRequest) -> ModelReply:
        """One try. Raises `ModelError`."""
        with open_span(semantics.chat(self.spec, request.max_output_tokens)):
            reply = self._answered(request)
            annotate(semantics.answered(reply))
            return reply

    def _answered(self, request: ModelRequest) -> ModelReply:
        completion = self.provider.complete(self.spec, request)
        if not completion.text:
            raise ModelReplyInvalid(f"{self.spec.name} replied without text")
        if completion.input_tokens is None or completion.output_tokens is None:
            raise ModelReplyInvalid(f"{self.spec.name} replied without token counts, so its cost is unknown")
        cached: Mapping[str, Any] = {
            "cache_read_tokens": completion.cache_read_tokens,
            "cache_write_tokens": completion.cache_write_tokens,
        }
        return ModelReply(
            text=completion.text,
            input_tokens=completion.input_tokens,
            output_tokens=completion.output_tokens,
            cost_usd=self.spec.cost_usd(completion.input_tokens, completion.output_tokens, **cached),
            model=self.spec.name,
            tier=self.name,
            dropped_messages=request.dropped_messages,
            dropped_tokens=request.dropped_tokens,
            **cached,
        )
