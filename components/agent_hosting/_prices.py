"""Token prices and context windows, looked up when a bundle is made and frozen into it."""

from decimal import Decimal
from typing import Any

_PRICES = ("input_usd_per_million_tokens", "output_usd_per_million_tokens")
_WINDOW = "context_window_tokens"
_PROVIDERS = {"bedrock": "aws", "openai": None}
SOURCE = "genai-prices"


def unpriced(model: dict[str, Any]) -> str | None:
    """The first price that a model lacks; None for one that has both."""
    return next((field for field in _PRICES if model.get(field) is None), None)


def priced(model: dict[str, Any]) -> dict[str, Any]:
    """`model` with its prices and its context window. Left as it is where they are given or the model is
    unknown: then prices are missed by name, and the window is not needed."""
    is_whole = all(model.get(field) is not None for field in (*_PRICES, _WINDOW))
    if is_whole and not model.get("cache"):
        return model
    from genai_prices import Usage, calc_price

    million = Usage(input_tokens=1_000_000, output_tokens=1_000_000)
    try:
        found = calc_price(
            million, str(model.get("name")), provider_id=_PROVIDERS.get(str(model.get("provider")))
        )
    except LookupError:
        return model
    window = found.model.context_window
    price = found.model_price
    cached = {"read": price.cache_read_mtok, "write": price.cache_write_mtok} if model.get("cache") else {}
    return {
        "input_usd_per_million_tokens": float(found.input_price),
        "output_usd_per_million_tokens": float(found.output_price),
        **({} if window is None else {_WINDOW: window}),
        **{
            f"cache_{kind}_usd_per_million_tokens": float(usd)
            for kind, usd in cached.items()
            if isinstance(usd, Decimal)
        },
        **model,
    }
