"""Token prices, looked up when a bundle is made and frozen into it."""

from typing import Any

_PRICES = ("input_usd_per_million_tokens", "output_usd_per_million_tokens")
_PROVIDERS = {"bedrock": "aws", "openai": None}


def priced(model: dict[str, Any]) -> dict[str, Any]:
    """`model` with its prices. Left as it is where they are given or the model is unknown: then they are
    missed by name."""
    if all(model.get(price) is not None for price in _PRICES):
        return model
    from genai_prices import Usage, calc_price

    million = Usage(input_tokens=1_000_000, output_tokens=1_000_000)
    try:
        found = calc_price(
            million, str(model.get("name")), provider_id=_PROVIDERS.get(str(model.get("provider")))
        )
    except LookupError:
        return model
    return {
        "input_usd_per_million_tokens": float(found.input_price),
        "output_usd_per_million_tokens": float(found.output_price),
        **model,
    }
