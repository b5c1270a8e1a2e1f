"""What a host is told by its environment, read and checked once at start."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from agent_runtime.addresses import private_url
from agent_runtime.bundle import BUNDLE_FILE, Bundle
from agent_runtime.errors import SettingsError
from agent_runtime.guards.thresholds import Thresholds
from agent_runtime.model_prices import ModelPrice
from agent_runtime.spend.caps import SpendCaps
from agent_runtime.telemetry.spec import ObserveSpec

_NAMES: Final = {"agent_name": "AGENT_NAME", "task_root": "LAMBDA_TASK_ROOT"}


def _variable(field: str) -> str:
    return _NAMES.get(field, f"AGENT_{field.upper()}")


class TableSettings(BaseModel):
    """Where an agent's runs lie. Plain pydantic, since pydantic_settings would double the cost of its
    import."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    agent_name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")
    """No `#`, `*` or `/`: the name begins the partition keys and object keys that IAM limits the agent to."""
    environment: str = Field(min_length=1)
    checkpoint_table: str = Field(min_length=1)
    checkpoint_bucket: str = Field(min_length=1)
    """Bucket of results over 350 KB."""
    control_table: str = Field(min_length=1)
    """Table of the brake, the releases and the traffic record."""
    checkpoint_retention_days: int = Field(default=30, ge=1, le=3650)
    """Defaults to 30: longer than any queue keeps a message (SQS: 14 days), so a late retry finds its run."""
    audit_log_group: str = ""
    """Log group of the audit trail; empty for none."""
    audit_retention_days: int = Field(default=365, ge=1, le=3653)
    """Days that its entries are kept."""
    tenants: frozenset[str] | None = None
    """Tenants that are let in, divided by commas. Absent: every tenant that the token's issuer vouches
    for."""
    observe: ObserveSpec = ObserveSpec()
    """Telemetry, as JSON. Absent: no spans, and metrics without host and tenant."""

    @field_validator(
        "secrets",
        "queues",
        "jwt_audiences",
        "spend",
        "escalate",
        "model_endpoints",
        "model_prices",
        "observe",
        mode="before",
        check_fields=False,
    )
    @classmethod
    def _from_json(cls, value: object) -> object:
        return json.loads(value) if isinstance(value, str) else value

    @field_validator("tenants", "tools", mode="before", check_fields=False)
    @classmethod
    def _from_commas(cls, value: object) -> object:
        return [name.strip() for name in value.split(",")] if isinstance(value, str) else value

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> Self:
        """Read the settings. Raises `SettingsError` naming the variable; empty variables count as absent."""
        names = {field: _variable(field) for field in cls.model_fields}
        given = {field: environ[name] for field, name in names.items() if environ.get(name)}
        try:
            return cls.model_validate(given)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            field = str(first["loc"][0]) if first["loc"] else ""
            raise SettingsError(f"{names.get(field, 'the environment')}: {first['msg']}") from None


class AuditSettings(TableSettings):
    """Surroundings of the function that exports the audit trail: an agent's, or a tool gateway's, which has
    no runs."""

    environment: str = ""
    checkpoint_table: str = ""
    checkpoint_bucket: str = ""

    audit_bucket: str = Field(min_length=1)
    """Bucket whose objects are locked."""


class DoorSettings(TableSettings):
    """Surroundings of the functions in front of the queues."""

    queues: dict[str, str] = Field(min_length=1)
    """Queue URL of each release, by bundle id."""
    max_receives: int = Field(default=5, ge=1, le=1000)
    spend: SpendCaps | None = None
    """Caps of the agent and its tenants: who has used them up is let in again when they are not. Absent:
    everybody is."""
    memory: bool = False
    """Whether a release has memory: then its sessions are looked up, since they stay. Defaults to no."""


class Settings(TableSettings):
    """Surroundings of a host that runs an agent."""

    secrets: dict[str, str] = Field(default_factory=dict)
    """Secret ARN by the name the agent uses."""
    model_endpoint: str | None = None
    """Base URL of an OpenAI-compatible server, such as `https://models.example/v1`."""
    model_endpoints: dict[str, str] = Field(default_factory=dict)
    """The same by tier, as JSON, for tiers that another server has."""
    model_prices: dict[str, ModelPrice] = Field(default_factory=dict)
    """By the model's name, as JSON, in the place of the bundle's."""
    tool_gateway: str | None = None
    """Base URL of the gateway that tools with `destination: gateway` are called by. Absent: there is none."""
    tool_gateway_token_url: str | None = None
    """Where the agent gets its own tokens for it, with the secret `tool-gateway`, and what it says there:"""
    tool_gateway_client: str = ""
    tool_gateway_audience: str = ""
    tool_gateway_scope: str = ""
    tools: frozenset[str] | None = None
    """Tools of the bundle that may be used here, divided by commas. Absent: all of them."""
    compact_every: int = Field(default=0, ge=0)
    """Steps after which a segment of them is written, so that a resume reads less. Defaults to 0, never."""
    sample_basis_points: int = Field(default=0, ge=0, le=10_000)
    """Share of the runs that are done, in hundredths of a per cent, which are put aside as candidates for the
    evaluation set. Defaults to 0, none."""
    spend: SpendCaps | None = None
    """Caps on what the agent, each tenant and each run may spend, as JSON. Absent: the ledger is not kept."""
    escalate: Thresholds | None = None
    """Thresholds at which a run is handed to a person, as JSON. Absent: none."""
    notice_topic: str = ""
    """Topic that is told of runs that wait for a person; empty for nobody."""
    alert_topic: str = ""
    """Topic that is told when much of the agent's caps is used; empty for nobody."""
    turn_timeout_seconds: float = Field(default=29.0, gt=0, le=900)
    """Time a turn may take. Defaults to 29: an HTTP API gives up after 30 s (API Gateway's quota)."""
    bundle_id: str | None = None
    """Bundle the release promises to run."""
    task_root: str = "."
    """Folder that holds the agent and its bundle.json."""

    @field_validator("model_endpoint", "tool_gateway", "tool_gateway_token_url")
    @classmethod
    def _is_private(cls, value: str | None) -> str | None:
        return None if value is None else private_url(value).rstrip("/")

    @field_validator("model_endpoints")
    @classmethod
    def _are_private(cls, value: dict[str, str]) -> dict[str, str]:
        return {tier: private_url(address).rstrip("/") for tier, address in value.items()}

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


class WorkerSettings(Settings):
    """Surroundings of a worker. Its times are checked against each other by whoever deploys it."""

    queue_url: str = Field(min_length=1)
    worker_concurrency: int = Field(default=4, ge=1, le=100)
    """Runs at once. Defaults to 4: a run waits for its model most of the time."""
    visibility_seconds: int = Field(default=90, ge=1, le=600)
    """How long messages and leases are held, and so how late a killed worker's run goes on. Extended every
    third of it."""
    max_receives: int = Field(default=5, ge=1, le=1000)
    stop_seconds: int = Field(default=110, ge=2, le=3700)
    """Time from SIGTERM to SIGKILL."""
    tenant_share: float = Field(default=1.0, gt=0, le=1)
    """Most of the slots that one tenant may have. Defaults to 1: a share below it leaves slots idle when one
    tenant is alone."""


class ServerSettings(WorkerSettings):
    """Surroundings of a pod: it works off its release's queue, and answers callers itself."""

    port: int = Field(default=8080, ge=0, le=65535)
    listen_address: str = "0.0.0.0"  # noqa: S104  a pod's own network: a NetworkPolicy says who may call
    address: str = Field(default="", pattern=r"^(https?://\S+)?$")
    """Base URL at which the other pods reach this one; empty where they cannot."""
    pod_name: str = ""
    release_url: str = Field(default="", pattern=r"^(https?://\S*\{bundle_id\}\S*)?$")
    """Base URL of another release, with `{bundle_id}` for its id; empty where it cannot be reached."""
    jwt_issuer: str = Field(min_length=1)
    """Who signs the callers' tokens, exactly as they name it."""
    jwt_audiences: frozenset[str] = Field(min_length=1)
    """Audiences of tokens that count here, as a JSON list."""
    active_seconds: float = Field(default=300, gt=0, le=3600)
    """How long after its last turn a session counts as active. Defaults to five minutes."""
    log_group: str = ""
    """Log group that the lines of standard output are sent to as well; empty where the platform does it."""
    turn_concurrency: int = Field(default=16, ge=1, le=256)
    """Turns at once, beside the runs of the queue. Defaults to 16: a turn waits for its model most of the
    time, and each is a thread; a caller beyond them is refused at once."""

    @field_validator("jwt_issuer")
    @classmethod
    def _is_issuer(cls, value: str) -> str:
        return private_url(value)
