"""How much one run of an agent may take in the environment that is judged."""

from pydantic import BaseModel, ConfigDict, Field


class Limits(BaseModel):
    """The greatest caps that AG03 lets a runtime state; `limits` of the pack's config, field by field."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    steps: int = Field(default=200, ge=1)
    """Steps of one run. Defaults to 200: longer runs are better cut in two."""
    model_calls: int = Field(default=100, ge=1)
    """Model calls of one run. Defaults to 100."""
    tool_calls: int = Field(default=200, ge=1)
    """Tool calls of one run. Defaults to 200."""
    reply_tokens: int = Field(default=8_192, ge=1)
    """Tokens of one reply. Defaults to 8192, twice what a request should need."""
    run_tokens: int = Field(default=1_000_000, ge=1)
    """Tokens of a whole run. Defaults to a million: some dollars with most models."""
