"""The immutable identity of an agent, and the archive that holds it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NotRequired, TypedDict

import pulumi
from pydantic import ValidationError

from agent_hosting._packaging import (
    ARCHITECTURES_WAY_OUT,
    Architecture,
    Target,
    agent_archive,
    runtime_fingerprint,
)
from agent_hosting._prices import SOURCE, priced, unpriced
from agent_hosting._validation import Inputs
from agent_runtime.bundle import Bundle, ModelSpec, bundle_files, bundle_from_folder
from agent_runtime.errors import ManifestError


class ModelArgs(TypedDict):
    provider: str
    """`bedrock`, or `openai` for any server with OpenAI's chat completions interface."""
    name: str
    """The provider's model id, with its date or numbered version at the end: an alias such as `gpt-4o` would
    change the agent without a new bundle."""
    input_usd_per_million_tokens: NotRequired[float]
    """Price. Defaults to what the genai-prices package knows of the model when the bundle is made."""
    output_usd_per_million_tokens: NotRequired[float]
    """Price. Defaults likewise."""
    max_output_tokens: NotRequired[int]
    """Longest reply in tokens. Defaults to 1024."""
    context_window_tokens: NotRequired[int]
    """Most tokens that the model reads in one call. Defaults to what the genai-prices package knows."""
    temperature: NotRequired[float]
    """0 to 1 on Bedrock, to 2 at OpenAI. Defaults to the model's own, as each parameter does."""
    top_p: NotRequired[float]
    """Share of the likeliest tokens that are drawn from, 0 to 1."""
    stop_sequences: NotRequired[Sequence[str]]
    """Texts that end a reply: up to 4 at OpenAI, 2500 on Bedrock. Defaults to none."""
    seed: NotRequired[int]
    """Makes sampling repeatable, as far as it can be. OpenAI's only."""
    api_key_secret: NotRequired[str]
    """Name of the secret that holds the API key. Omit for Bedrock."""
    cache: NotRequired[bool]
    """Whether the provider is told to keep the prompt's beginning. Defaults to no: not every model can."""
    cache_read_usd_per_million_tokens: NotRequired[float]
    """Price of input that is read from the cache. Defaults to what the genai-prices package knows, else to
    the input's."""
    cache_write_usd_per_million_tokens: NotRequired[float]
    """Price of input that is written to the cache. Defaults likewise, else to 1.25 times the input's."""
    context_share: NotRequired[float]
    """Most of the context window that a call's input may fill, 0 to 1; the oldest messages are left out.
    Defaults to no trimming."""
    fallback: NotRequired[Sequence[str]]
    """Tiers that are asked in this order where this one is throttled or down. Defaults to none."""
    timeout_seconds: NotRequired[float]
    """Longest that one try may take, to 900. Defaults to 60."""


class AgentBundleArgs(TypedDict):
    source: str
    """Folder of the agent: agent.yaml, its code, prompts and documents."""
    model: NotRequired[ModelArgs]
    """Replaces the manifest's `model`, as one environment may call another model. It is part of the bundle
    all the same."""
    models: NotRequired[dict[str, ModelArgs]]
    """Replaces those tiers of the manifest's `models` that it names."""
    architecture: NotRequired[Architecture]
    """Processor that the packages are built for. Defaults to arm64."""


class AgentBundle(pulumi.ComponentResource):
    """An agent's prompts, tools, model and code under one id: one changed byte in any part is another
    bundle."""

    bundle_id: pulumi.Output[str]
    """First 12 hexadecimal digits of the SHA-256 of the bundle's canonical JSON."""
    archive_path: pulumi.Output[str]
    """Zip with the agent, the runtime and its locked packages; the same bytes for the same bundle."""
    archive_sha256: pulumi.Output[str]
    """SHA-256 of that zip in hexadecimal."""

    def __init__(self, name: str, args: AgentBundleArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("agent-hosting:index:AgentBundle", name, {}, opts)
        inputs = Inputs("AgentBundle", name, args)
        inputs.known(AgentBundleArgs.__annotations__)
        inputs.one_of("architecture", Architecture, ARCHITECTURES_WAY_OUT)
        source = Path(inputs.required("source", "Name the agent's folder."))
        self._bundle = read_bundle(source, args.get("model"), inputs, args.get("models"))
        path, sha256 = agent_archive(
            self._bundle.bundle_id,
            self._bundle.canonical_json(),
            source,
            bundle_files(source),
            self._bundle.requirements,
            Target.of(args.get("architecture")),
        )

        self.bundle_id = pulumi.Output.from_input(self._bundle.bundle_id)
        self.archive_path = pulumi.Output.from_input(str(path))
        self.archive_sha256 = pulumi.Output.from_input(sha256)
        self.register_outputs(
            {
                "bundle_id": self.bundle_id,
                "archive_path": self.archive_path,
                "archive_sha256": self.archive_sha256,
            }
        )


def read_bundle(
    source: Path, model: ModelArgs | None, inputs: Inputs, models: Mapping[str, ModelArgs] | None = None
) -> Bundle:
    """The bundle of the agent in `source`, with `model` for all of its tiers or `models` for some of them.
    Raises `InputError` naming what is wrong with it."""
    if not source.is_dir():
        raise inputs.refuse(
            "source", str(source), "there is no such folder", "Name the folder that holds agent.yaml."
        )
    spec = _spec("model", model, inputs) if model else None
    tiers = {name: _spec(f"models.{name}", tier, inputs) for name, tier in (models or {}).items()}
    try:
        return bundle_from_folder(source, model=spec, models=tiers, runtime_fingerprint=runtime_fingerprint())
    except ManifestError as error:
        raise inputs.refuse("source", str(source), str(error), "Correct the manifest.") from None


def _spec(where: str, model: ModelArgs, inputs: Inputs) -> ModelSpec:
    found = priced(dict(model))
    if (missing := unpriced(found)) is not None:
        way_out = f"Give both prices under `{where}`, or under `prices` of the stack by the model's name."
        limit = f"{SOURCE} knows no price of {found.get('name')!r}"
        raise inputs.refuse(f"{where}.{missing}", None, limit, way_out)
    try:
        return ModelSpec.model_validate(found)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise inputs.refuse(
            ".".join(map(str, (where, *first["loc"]))),
            first["input"],
            first["msg"].removeprefix("Value error, "),
            "Correct the model of this environment.",
        ) from None
