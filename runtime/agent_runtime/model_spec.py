"""The model that a bundle calls: its pinned name, its parameters and its prices."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from agent_runtime.model_names import EXAMPLES, is_pinned

SecretName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]
Usd = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class ModelSpec(BaseModel):
    """The one model a bundle calls, with the prices its spend is counted by."""

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

    def cost_usd(self, input_tokens: int, output_tokens: int) -> float:
        """Price of one call in US dollars."""
        price = (
            input_tokens * self.input_usd_per_million_tokens
            + output_tokens * self.output_usd_per_million_tokens
        )
        return price / 1_000_000
