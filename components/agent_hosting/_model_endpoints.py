"""Where the servers of an agent's models lie: one for all tiers, and others for those that are named."""

import json
from typing import Any

from agent_hosting._validation import Inputs
from agent_runtime.addresses import private_url
from agent_runtime.bundle import Bundle


def check_endpoints(args: Any, bundle: Bundle, inputs: Inputs) -> None:
    """Each tier that needs an address has one, and no other is given. Raises `InputError`."""
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


def endpoint_variables(args: Any) -> dict[str, str]:
    """What the program that calls the models is told."""
    said = {}
    if args.get("model_endpoint"):
        said["AGENT_MODEL_ENDPOINT"] = args["model_endpoint"]
    if args.get("model_endpoints"):
        said["AGENT_MODEL_ENDPOINTS"] = json.dumps(args["model_endpoints"], sort_keys=True)
    return said


def _check_address(given: str, address: str, inputs: Inputs) -> None:
    try:
        private_url(address)
    except ValueError as error:
        way_out = "Give the base URL, such as https://models.example.com/v1."
        raise inputs.refuse(given, address, f"it must be {error}", way_out) from None
