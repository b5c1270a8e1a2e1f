"""What an environment says of an agent's models: where their servers lie, and what they cost here."""

import json
from typing import Any, NotRequired, TypedDict

from pydantic import ValidationError

from agent_hosting._validation import Inputs
from agent_runtime.addresses import private_url
from agent_runtime.bundle import Bundle
from agent_runtime.model_prices import ModelPrice


class ModelPriceArgs(TypedDict):
    input_usd_per_million_tokens: float
    """Price."""
    output_usd_per_million_tokens: float
    """Price."""
    cache_read_usd_per_million_tokens: NotRequired[float]
    """Price of input that is read from the cache. Defaults to the input's."""
    cache_write_usd_per_million_tokens: NotRequired[float]
    """Price of input that is written to it. Defaults to 1.25 times the input's."""


def check_models(args: Any, bundle: Bundle, inputs: Inputs) -> None:
    """Each tier that needs an address has one, no other is given, and each price is one. Raises
    `InputError`."""
    _check_endpoints(args, bundle, inputs)
    for model, price in (args.get("prices") or {}).items():
        try:
            ModelPrice.model_validate(price)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = ".".join(map(str, ("prices", model, *first["loc"])))
            value = None if first["type"] == "missing" else first["input"]
            raise inputs.refuse(where, value, first["msg"], "Give US dollars for a million tokens.") from None


def _check_endpoints(args: Any, bundle: Bundle, inputs: Inputs) -> None:
    tiers = {name for name, model in bundle.tiers.items() if model.provider == "openai"}
    own = args.get("model_endpoints") or {}
    for tier, address in own.items():
        given = f"model_endpoints.{tier}"
        if tier not in tiers:
            limit = f"tiers whose provider is 'openai' are {', '.join(sorted(tiers)) or 'none'}"
            raise inputs.refuse(given, address, limit, "Name one of them, or drop it.")
        _check_address(given, address, inputs)
    everybodys = args.get("model_endpoint")
    if everybodys:
        _check_address("model_endpoint", everybodys, inputs)
    elif tiers - own.keys():
        raise inputs.refuse(
            "model_endpoint",
            None,
            "a model with the provider 'openai' needs its address",
            "Give the base URL, ending in /v1.",
        )


def model_variables(args: Any) -> dict[str, str]:
    """What the program that calls the models is told."""
    said = {}
    if args.get("model_endpoint"):
        said["AGENT_MODEL_ENDPOINT"] = args["model_endpoint"]
    if args.get("model_endpoints"):
        said["AGENT_MODEL_ENDPOINTS"] = json.dumps(args["model_endpoints"], sort_keys=True)
    if args.get("prices"):
        said["AGENT_MODEL_PRICES"] = json.dumps(args["prices"], sort_keys=True)
    return said


def _check_address(given: str, address: str, inputs: Inputs) -> None:
    try:
        private_url(address)
    except ValueError as error:
        way_out = "Give the base URL, such as https://models.example.com/v1."
        raise inputs.refuse(given, address, f"it must be {error}", way_out) from None
