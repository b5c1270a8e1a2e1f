"""The providers that the runtime calls models through, put together for an evaluation."""

from collections.abc import Callable

from agent_runtime.bundle import ModelSpec
from agent_runtime.hosts.clients import lazily
from agent_runtime.models.bedrock import BedrockProvider
from agent_runtime.models.client import Provider
from agent_runtime.models.openai import OpenAiProvider
from agent_runtime.secrets import SecretReader


def provider_of(
    spec: ModelSpec, endpoint: str | Callable[[], str], secrets: SecretReader, seconds: float
) -> Provider:
    """Calls `spec` at `endpoint`, which is looked up only where it is needed: Bedrock has none. `seconds`
    bounds one call. Raises what `endpoint` raises."""
    if spec.provider == "bedrock":
        return BedrockProvider(lazily("bedrock-runtime", seconds))
    return OpenAiProvider(endpoint if isinstance(endpoint, str) else endpoint(), secrets)
