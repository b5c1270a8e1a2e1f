"""Which provider calls a bundle's models; each is imported only where it is used."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from agent_runtime.bundle import Bundle, ModelSpec
from agent_runtime.guards.circuits import Circuits
from agent_runtime.hosts.clients import lazily
from agent_runtime.model_prices import ModelPrice, repriced
from agent_runtime.models.client import ModelClient, Provider
from agent_runtime.models.tier import TRY_SECONDS, Tier
from agent_runtime.secrets import SecretReader


@dataclass(frozen=True)
class Address:
    """Base URL of a server with OpenAI's interface. `is_own` says that one tier alone is called there."""

    url: str
    is_own: bool = False


def models_of(
    bundle: Bundle,
    address_of: Callable[[str], Address],
    secrets: SecretReader,
    seconds: float,
    circuits: Circuits | None = None,
    prices: Mapping[str, ModelPrice] = MappingProxyType({}),
) -> ModelClient:
    """Calls the models of `bundle` at `prices` by their names; `address_of` is asked for each tier that has
    one, and raises what it does."""

    def tier(name: str, spec: ModelSpec) -> Tier:
        spec = repriced(spec, prices)
        # A try of Bedrock cannot be told its time: a tier that others come after leaves them theirs.
        most = seconds / (1 + len(spec.fallback))
        address = Address("") if spec.provider == "bedrock" else address_of(name)
        provider = provider_of(spec, lambda: address.url, secrets, most)
        # Of two servers with a model of the same name one may be down.
        return Tier(name, spec, provider, server=address.url if address.is_own else "")

    return ModelClient.of(bundle, tier, circuits)


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
