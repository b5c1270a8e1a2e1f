"""Which provider calls a bundle's models; each is imported only where it is used."""

from collections.abc import Callable

from agent_runtime.bundle import Bundle, ModelSpec
from agent_runtime.guards.circuits import Circuits
from agent_runtime.hosts.clients import lazily
from agent_runtime.models.client import ModelClient, Provider
from agent_runtime.models.tier import TRY_SECONDS
from agent_runtime.secrets import SecretReader


def models_of(
    bundle: Bundle,
    endpoint: Callable[[], str],
    secrets: SecretReader,
    seconds: float,
    circuits: Circuits | None = None,
) -> ModelClient:
    """Calls the models of `bundle`. Raises what `endpoint` raises."""

    def provider(spec: ModelSpec) -> Provider:
        # A try of Bedrock cannot be told its time: a tier that others come after leaves them theirs.
        return provider_of(spec, endpoint, secrets, seconds / (1 + len(spec.fallback)))

    return ModelClient.of(bundle, provider, circuits)


def provider_of(
    spec: ModelSpec, endpoint: Callable[[], str], secrets: SecretReader, seconds: float
) -> Provider:
    """Calls `spec` at `endpoint`, which is looked up only where it is needed: Bedrock has none. `seconds`
    bounds one call to Bedrock. Raises what `endpoint` raises."""
    if spec.provider == "bedrock":
        from agent_runtime.models.bedrock import BedrockProvider

        most = min(spec.timeout_seconds or TRY_SECONDS, seconds)
        # Tries are the run's to count, and a pause that Bedrock asks for is the run's to keep.
        return BedrockProvider(lazily("bedrock-runtime", most, attempts=1))
    from agent_runtime.models.openai import OpenAiProvider

    return OpenAiProvider(endpoint(), secrets)
