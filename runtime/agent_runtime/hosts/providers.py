"""Which provider calls a bundle's model; each is imported only where it is used."""

from collections.abc import Callable

from agent_runtime.bundle import ModelSpec
from agent_runtime.hosts.clients import lazily
from agent_runtime.models.client import Provider
from agent_runtime.secrets import SecretReader


def provider_of(
    spec: ModelSpec, endpoint: Callable[[], str], secrets: SecretReader, seconds: float
) -> Provider:
    """Calls `spec` at `endpoint`, which is looked up only where it is needed: Bedrock has none. `seconds`
    bounds one call to Bedrock. Raises what `endpoint` raises."""
    if spec.provider == "bedrock":
        from agent_runtime.models.bedrock import BedrockProvider

        return BedrockProvider(lazily("bedrock-runtime", seconds))
    from agent_runtime.models.openai import OpenAiProvider

    return OpenAiProvider(endpoint(), secrets)
