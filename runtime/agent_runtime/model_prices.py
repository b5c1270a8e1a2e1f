"""What models cost in one environment, in the place of what their bundle says."""

from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict

from agent_runtime.model_spec import ModelSpec, Usd


class ModelPrice(BaseModel):
    """All prices of one model, in US dollars for a million tokens."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    input_usd_per_million_tokens: Usd
    output_usd_per_million_tokens: Usd
    cache_read_usd_per_million_tokens: Usd | None = None
    """Defaults to the input's."""
    cache_write_usd_per_million_tokens: Usd | None = None
    """Defaults to 1.25 times the input's."""


def repriced(spec: ModelSpec, prices: Mapping[str, ModelPrice]) -> ModelSpec:
    """The model at the price of its name, where there is one. Nothing is left of the bundle's: what is read
    from a cache would else cost what it did at another price."""
    price = prices.get(spec.name)
    return spec if price is None else spec.model_copy(update=price.model_dump())
