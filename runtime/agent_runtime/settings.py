"""What a host is told by its environment, read and checked once at start."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from agent_runtime.bundle import BUNDLE_FILE, Bundle
from agent_runtime.errors import SettingsError

_LOOPBACK: Final = {"127.0.0.1", "::1", "localhost"}
_VARIABLES: Final = {
    "agent_name": "AGENT_NAME",
    "environment": "AGENT_ENVIRONMENT",
    "checkpoint_table": "AGENT_CHECKPOINT_TABLE",
    "checkpoint_bucket": "AGENT_CHECKPOINT_BUCKET",
    "control_table": "AGENT_CONTROL_TABLE",
    "secrets": "AGENT_SECRETS",
    "model_endpoint": "AGENT_MODEL_ENDPOINT",
    "tenants": "AGENT_TENANTS",
    "tools": "AGENT_TOOLS",
    "checkpoint_retention_days": "AGENT_CHECKPOINT_RETENTION_DAYS",
    "turn_timeout_seconds": "AGENT_TURN_TIMEOUT_SECONDS",
    "bundle_id": "AGENT_BUNDLE_ID",
    "task_root": "LAMBDA_TASK_ROOT",
}


class Settings(BaseModel):
    """The host's surroundings. Plain pydantic, since pydantic_settings would double the cost of its
    import."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    agent_name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")
    """No `#`, `*` or `/`: the name begins the partition keys and object keys that IAM limits the agent to."""
    environment: str = Field(min_length=1)
    checkpoint_table: str = Field(min_length=1)
    checkpoint_bucket: str = Field(min_length=1)
    """Bucket of results over 350 KB."""
    control_table: str = Field(min_length=1)
    """Table of the brake."""
    secrets: dict[str, str] = Field(default_factory=dict)
    """Secret ARN by the name the agent uses."""
    model_endpoint: str | None = None
    """Base URL of an OpenAI-compatible server, such as `https://models.example/v1`."""
    tenants: frozenset[str] | None = None
    """Tenants that are let in, divided by commas. Absent: every tenant that the token's issuer vouches
    for."""
    tools: frozenset[str] | None = None
    """Tools of the bundle that may be used here, divided by commas. Absent: all of them."""
    checkpoint_retention_days: int = Field(default=30, ge=1, le=3650)
    """Defaults to 30: longer than any queue keeps a message (SQS: 14 days), so a late retry finds its run."""
    turn_timeout_seconds: float = Field(default=29.0, gt=0, le=900)
    """Time a turn may take. Defaults to 29: an HTTP API gives up after 30 s (API Gateway's quota)."""
    bundle_id: str | None = None
    """Bundle the release promises to run."""
    task_root: str = "."
    """Folder that holds the agent and its bundle.json."""

    @field_validator("secrets", mode="before")
    @classmethod
    def _from_json(cls, value: object) -> object:
        return json.loads(value) if isinstance(value, str) else value

    @field_validator("tenants", "tools", mode="before")
    @classmethod
    def _from_commas(cls, value: object) -> object:
        return [name.strip() for name in value.split(",")] if isinstance(value, str) else value

    @field_validator("model_endpoint")
    @classmethod
    def _is_private(cls, value: str | None) -> str | None:
        if value is None:
            return None
        url = urlsplit(value)
        if url.username or url.password:
            raise ValueError("a URL without a user name and password; keys belong in a secret")
        if not url.hostname or not (
            url.scheme == "https" or (url.scheme == "http" and url.hostname in _LOOPBACK)
        ):
            raise ValueError("an https URL, or http on this machine")
        return value.rstrip("/")

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> "Settings":
        """Read the settings. Raises `SettingsError` naming the variable; empty variables count as absent."""
        given = {field: environ[name] for field, name in _VARIABLES.items() if environ.get(name)}
        try:
            return cls.model_validate(given)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            field = str(first["loc"][0]) if first["loc"] else ""
            raise SettingsError(f"{_VARIABLES.get(field, 'the environment')}: {first['msg']}") from None

    def load_bundle(self) -> Bundle:
        """Read bundle.json of the task root. Raises `SettingsError` if it is not the bundle of this
        release."""
        path = Path(self.task_root) / BUNDLE_FILE
        try:
            bundle = Bundle.model_validate_json(path.read_bytes())
        except FileNotFoundError as error:
            raise SettingsError(f"{path} does not exist: the release was not packed by its bundle") from error
        except ValidationError as error:
            raise SettingsError(f"{path} is not a bundle that this runtime knows") from error
        if self.bundle_id is not None and bundle.bundle_id != self.bundle_id:
            raise SettingsError(f"{path} is bundle {bundle.bundle_id}, the release promises {self.bundle_id}")
        return bundle

    def __repr_args__(self) -> Any:
        """Names of secrets only: even an ARN tells a reader of logs more than the name does."""
        for field in type(self).model_fields:
            yield field, sorted(self.secrets) if field == "secrets" else getattr(self, field)
