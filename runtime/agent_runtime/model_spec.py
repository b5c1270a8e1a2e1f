"""The model that a bundle calls: its pinned name, its parameters and its prices."""

from typing import Annotated, Any, Final, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    field_validator,
    model_serializer,
    model_validator,
)

from agent_runtime.model_names import EXAMPLES, is_pinned
from agent_runtime.model_routing import TierName

SecretName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]
Usd = Annotated[float, Field(ge=0, allow_inf_nan=False)]
CACHE_WRITE_FACTOR: Final = 1.25
"""Of the input's price, for what is written to a cache whose price is not known: the dearest for 5 minutes.
https://docs.aws.amazon.com/bedrock/latest/userguide/prompt-caching.html
"""
_LATER: Final = (
    "cache",
    "cache_read_usd_per_million_tokens",
    "cache_write_usd_per_million_tokens",
    "context_share",
    "fallback",
    "timeout_seconds",
)
"""Came after the first release: left out of documents where they say nothing; ids are never made anew."""


class ModelSpec(BaseModel):
    """One model that a bundle calls, with the prices its spend is counted by."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    provider: Literal["bedrock", "openai"]
    """`bedrock` calls Converse; `openai` calls any endpoint with OpenAI's chat completions interface."""
    name: str = Field(min_length=1, max_length=256)
    """The provider's model id. Pinned: an alias that moves would change the agent without a new bundle."""
    input_usd_per_million_tokens: Usd
    output_usd_per_million_tokens: Usd
    max_output_tokens: int = Field(default=1024, ge=1, le=1_000_000)
    """Upper bound of one reply. Defaults to 1024: enough for an answer, little enough to bound its cost."""
    context_window_tokens: int | None = Field(default=None, ge=1)
    """Most tokens that the model reads in one call. Without it runs do not tell how full the window was."""
    temperature: float | None = Field(default=None, ge=0, le=2, allow_inf_nan=False)
    """0 to 1 on Bedrock, to 2 at OpenAI. Defaults to the model's own, as each parameter does."""
    top_p: float | None = Field(default=None, ge=0, le=1, allow_inf_nan=False)
    """Share of the likeliest tokens that are drawn from."""
    stop_sequences: tuple[Annotated[str, Field(min_length=1)], ...] = Field(default=(), max_length=2_500)
    """Texts that end a reply: 4 at OpenAI, 2500 on Bedrock."""
    seed: int | None = Field(default=None, ge=-(2**63), lt=2**63)
    """Makes OpenAI's sampling repeatable, as far as it can be; Converse has none."""
    api_key_secret: SecretName | None = None
    """Name of the secret that holds the API key. Bedrock needs none: it uses the role."""
    cache: bool = False
    """Whether the provider is told to keep the prompt's beginning: the system prompt, and a conversation up
    to its last message. Defaults to no: not every model can, and what is written costs more than input."""
    cache_read_usd_per_million_tokens: Usd | None = None
    """Price of input that was read from the cache. Defaults to the input's, which is never too little."""
    cache_write_usd_per_million_tokens: Usd | None = None
    """Price of input that was written to it. Defaults to 1.25 times the input's."""
    context_share: float | None = Field(default=None, gt=0, le=1, allow_inf_nan=False)
    """Most of the context window that a call's input may fill: of a longer conversation the oldest messages
    are left out, and the step's record says how much. Needs `context_window_tokens`. Defaults to none."""
    fallback: tuple[TierName, ...] = Field(default=(), max_length=4)
    """Tiers that are asked in this order where this one is throttled or down. Defaults to none."""
    timeout_seconds: float | None = Field(default=None, gt=0, le=900, allow_inf_nan=False)
    """Longest that one try may take. Defaults to 60."""

    @model_serializer(mode="wrap")
    def _without_what_says_nothing(self, whole: SerializerFunctionWrapHandler) -> dict[str, Any]:
        held: dict[str, Any] = whole(self)
        defaults = {name: type(self).model_fields[name].default for name in _LATER}
        return {name: v for name, v in held.items() if name not in defaults or v not in (defaults[name], [])}

    @field_validator("name")
    @classmethod
    def _is_pinned(cls, name: str) -> str:
        if not is_pinned(name):
            raise ValueError(
                "a pinned version is needed, since an alias changes under the agent. End the name with the "
                f"date or the numbered version that its provider writes, such as {', '.join(EXAMPLES)}; for "
                "a server of your own with a version (my-model-v1) or a revision (my-model@4f2a9c1)"
            )
        return name

    @model_validator(mode="after")
    def _has_its_providers_parameters(self) -> "ModelSpec":
        """https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_InferenceConfiguration.html
        https://platform.openai.com/docs/api-reference/chat/create"""
        if self.provider == "bedrock":
            if self.seed is not None:
                raise ValueError("seed is not known to Bedrock's Converse; leave it out")
            if self.temperature is not None and self.temperature > 1:
                raise ValueError(f"temperature is {self.temperature:g}, and Bedrock's Converse takes 0 to 1")
        elif len(self.stop_sequences) > 4:
            raise ValueError(f"stop_sequences has {len(self.stop_sequences)} texts, and OpenAI takes 4")
        return self

    @model_validator(mode="after")
    def _has_room_for_its_input(self) -> "ModelSpec":
        if self.context_share is None:
            return self
        window = self.context_window_tokens
        if window is None:
            raise ValueError(
                f"context_share is {self.context_share:g} of context_window_tokens: give those too"
            )
        if self.max_output_tokens >= window:
            raise ValueError(
                f"max_output_tokens is {self.max_output_tokens}, and the window of {window} holds input and "
                f"output"
            )
        return self

    def cost_usd(
        self,
        input_tokens: int,
        output_tokens: int,
        *,
        cache_read_tokens: int = 0,
        cache_write_tokens: int = 0,
    ) -> float:
        """Price of one call in US dollars. What was read from the cache and written to it is a part of the
        input."""
        plain = input_tokens - cache_read_tokens - cache_write_tokens
        price = (
            plain * self.input_usd_per_million_tokens
            + cache_read_tokens
            * _or(self.cache_read_usd_per_million_tokens, self.input_usd_per_million_tokens)
            + cache_write_tokens * self._cache_write_usd
            + output_tokens * self.output_usd_per_million_tokens
        )
        return price / 1_000_000

    def most_usd(self, input_tokens: int, output_tokens: int) -> float:
        """The most that such a call may cost: all of its input may be written to the cache."""
        is_dearer = self.cache and self._cache_write_usd > self.input_usd_per_million_tokens
        written = input_tokens if is_dearer else 0
        return self.cost_usd(input_tokens, output_tokens, cache_write_tokens=written)

    def most_input_tokens(self, output_tokens: int) -> int | None:
        """What a call's input may have, beside `output_tokens` of output; None where nothing bounds it."""
        if self.context_share is None or self.context_window_tokens is None:
            return None
        share = int(self.context_share * self.context_window_tokens)
        return min(share, self.context_window_tokens - output_tokens)

    @property
    def _cache_write_usd(self) -> float:
        dearest = CACHE_WRITE_FACTOR * self.input_usd_per_million_tokens
        return _or(self.cache_write_usd_per_million_tokens, dearest)


def _or(given: float | None, default: float) -> float:
    return default if given is None else given
