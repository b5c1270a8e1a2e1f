"""Puts a host's parts together from its environment, with AWS clients that are made when they are first
used.
"""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from agent_runtime.blobs import BlobStore
from agent_runtime.brake import BrakeReader
from agent_runtime.bundle import Bundle
from agent_runtime.checkpoints import CheckpointStore
from agent_runtime.errors import SettingsError
from agent_runtime.logs import log_to
from agent_runtime.models.client import ModelClient, Provider
from agent_runtime.runner import Runner, load_agent
from agent_runtime.secrets import SecretReader
from agent_runtime.settings import Settings

_CONNECT_SECONDS: Final = 2
_READ_SECONDS: Final = 5
"""Instead of botocore's 60 s each: a call to DynamoDB that takes longer is lost, and a turn has 29 s in
all.
"""


@dataclass(frozen=True)
class HostParts:
    """What a host is made of."""

    settings: Settings
    bundle: Bundle
    store: CheckpointStore
    runner: Runner


class LazyClient:
    """A boto3 client that is made at its first use: S3 and Bedrock cost 50 ms each, and many turns need
    neither."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self._make = make
        self._client: Any = None

    def __getattr__(self, name: str) -> Any:
        if self._client is None:
            self._client = self._make()
        return getattr(self._client, name)


def start(environ: Mapping[str, str]) -> HostParts:
    """Read the settings and the bundle and import the agent. Raises `SettingsError`: a host that is wrong
    stops."""
    settings = Settings.from_environment(environ)
    bundle = settings.load_bundle()
    undeclared = sorted(set(bundle.secrets) - settings.secrets.keys())
    if undeclared:
        raise SettingsError(
            f"AGENT_SECRETS has no ARN for {', '.join(undeclared)}, which the bundle declares"
        )
    log_to(sys.stdout)
    dynamodb = _client("dynamodb")
    secret_reader = SecretReader(_lazily("secretsmanager"), settings.secrets)
    store = CheckpointStore(
        dynamodb,
        settings.checkpoint_table,
        BlobStore(_lazily("s3"), settings.checkpoint_bucket),
        agent=settings.agent_name,
        retention_days=settings.checkpoint_retention_days,
    )
    runner = Runner(
        load_agent(bundle.entrypoint, settings.task_root),
        bundle=bundle,
        store=store,
        brake=BrakeReader(dynamodb, settings.control_table, settings.agent_name),
        secrets=secret_reader,
        models=ModelClient(bundle.model, _provider(settings, bundle, secret_reader)),
        tools=settings.tools,
    )
    return HostParts(settings, bundle, store, runner)


def _provider(settings: Settings, bundle: Bundle, secrets: SecretReader) -> Provider:
    if bundle.model.provider == "bedrock":
        from agent_runtime.models.bedrock import BedrockProvider

        return BedrockProvider(_lazily("bedrock-runtime", settings.turn_timeout_seconds))
    from agent_runtime.models.openai import OpenAiProvider

    if settings.model_endpoint is None:
        raise SettingsError(
            "AGENT_MODEL_ENDPOINT is needed, since the bundle's model has the provider 'openai'"
        )
    return OpenAiProvider(settings.model_endpoint, secrets)


def _lazily(service: str, read_seconds: float = _READ_SECONDS) -> Any:
    return LazyClient(lambda: _client(service, read_seconds))


def _client(service: str, read_seconds: float = _READ_SECONDS) -> Any:
    import boto3
    from botocore.config import Config

    config = Config(
        connect_timeout=_CONNECT_SECONDS,
        read_timeout=read_seconds,
        retries={"mode": "standard", "max_attempts": 4},
    )
    session: Any = boto3.session.Session()  # its stubs want a literal name
    return session.client(service, config=config)
