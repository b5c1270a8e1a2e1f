"""What a stack's YAML may say of one agent, and whose tokens open it."""

import os
import re
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    model_validator,
)

from agent_hosting._audit_trail import AuditLock
from agent_hosting._eks_limits import Workload
from agent_hosting.hosting import Host

_VARIABLE = re.compile(r"\$\{(\w+)\}")


def _expand(text: str) -> str:
    """`${NAME}` from the environment: addresses that differ from machine to machine."""

    def value(match: re.Match[str]) -> str:
        if not os.environ.get(match[1]):
            raise ValueError(
                f"the environment variable {match[1]} is not set; `agent-hosting up` sets those of "
                f"the embedded cloud"
            )
        return os.environ[match[1]]

    return _VARIABLE.sub(value, text)


Address = Annotated[str, AfterValidator(_expand)]
AgentName = Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$")]
TenantName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]
SecretName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]
BundleId = Annotated[str, Field(pattern=r"^[0-9a-f]{12}$")]


class Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ProfileEntry(Entry):
    """How long runs last and what they need."""

    longest_run_seconds: float = Field(gt=0, allow_inf_nan=False)
    keeps_state_in_memory: bool = False
    peak_runs_per_minute: float = Field(default=60, gt=0, allow_inf_nan=False)
    needs_file_system: bool = False
    memory_mb: float | None = Field(default=None, gt=0, allow_inf_nan=False)


class ModelEntry(Entry):
    """The model of this environment, in place of the manifest's."""

    provider: Literal["bedrock", "openai"]
    name: str
    input_usd_per_million_tokens: float | None = Field(default=None, ge=0)
    output_usd_per_million_tokens: float | None = Field(default=None, ge=0)
    max_output_tokens: int = Field(default=1024, ge=1)
    context_window_tokens: int | None = Field(default=None, ge=1)
    temperature: float | None = None
    top_p: float | None = None
    stop_sequences: tuple[str, ...] = ()
    seed: int | None = None
    api_key_secret: SecretName | None = None
    cache: bool | None = None
    cache_read_usd_per_million_tokens: float | None = Field(default=None, ge=0)
    cache_write_usd_per_million_tokens: float | None = Field(default=None, ge=0)
    context_share: float | None = None
    fallback: tuple[str, ...] | None = None
    timeout_seconds: float | None = None


class ReleaseEntry(Entry):
    """A release with the image that holds it, for an agent on ECS or EKS."""

    bundle: BundleId
    image: str
    """`repository@sha256:…`."""


class NotifyEntry(Entry):
    """Who is told of what waits for a person."""

    emails: tuple[str, ...] = ()
    webhook: bool = False
    """Whether a chat is told; its address is a secret: `pulumi config set --secret
    agent-hosting:AGENT.webhook-url URL`."""
    topic_arn: str | None = None
    topic_key_arn: str | None = None


FORMS = ("an id", "an entry")
Listed = Annotated[
    Annotated[BundleId, Tag(FORMS[0])] | Annotated[ReleaseEntry, Tag(FORMS[1])],
    Discriminator(lambda given: FORMS[isinstance(given, dict | ReleaseEntry)]),
]


class AgentEntry(Entry):
    """One agent."""

    monthly_budget_usd: float = Field(gt=0, allow_inf_nan=False)
    """What it may cost in a calendar month."""
    source: str | None = None
    """Its folder, in the stacks `local` and `dev` only."""
    image: str | None = None
    """Container image of `source`, pinned by its digest, for an agent on ECS or EKS in a real account."""
    releases: tuple[Listed, ...] = ()
    """Bundle ids, oldest first, as `agent-hosting release new` writes them; each with its image but on
    Lambda."""
    run_profile: ProfileEntry | None = None
    host: Host | None = None
    secrets: tuple[SecretName, ...] = ()
    """Names; the values are Pulumi secrets: `pulumi config set --secret agent-hosting:AGENT.SECRET VALUE`."""
    tenants: tuple[TenantName, ...] = ()
    tool_versions: dict[str, str] | None = None
    """Version by tool, as this environment offers them."""
    tools: tuple[str, ...] = ()
    alert_emails: tuple[str, ...] = ()
    model: ModelEntry | None = None
    models: dict[str, ModelEntry] | None = None
    """In place of those tiers of the manifest that it names."""
    model_endpoint: Address | None = None
    model_endpoints: dict[str, Address] | None = None
    shares: dict[str, float] | None = None
    rollout: dict[str, Any] | None = None
    """Fields of `RolloutArgs`, checked where they are used."""
    memory_mb: int | None = None
    turn_timeout_seconds: int | None = None
    reserved_concurrency: int | None = None
    requests_per_second: float | None = None
    checkpoint_retention_days: int | None = None
    log_retention_days: int | None = None
    audit_lock: AuditLock | None = None
    audit_retention_days: int | None = None
    backlog_per_worker: float | None = None
    cpu_units: int | None = None
    dead_letter_retention_days: int | None = None
    max_receives: int | None = None
    max_workers: int | None = None
    queue_retention_days: int | None = None
    secret_variables: dict[str, SecretName] | None = None
    escalate: dict[str, Any] | None = None
    """Fields of `EscalateArgs`, checked where they are used."""
    notify: NotifyEntry | None = None
    observe: dict[str, Any] | None = None
    """Fields of `ObserveArgs`, checked where they are used."""
    schedules: dict[str, dict[str, Any]] | None = None
    """Fields of `ScheduleArgs` by name, checked where they are used."""
    spend: dict[str, Any] | None = None
    """Fields of `SpendArgs`, checked where they are used."""
    spot_share: float | None = None
    stop_seconds: int | None = None
    tenant_share: float | None = None
    visibility_seconds: int | None = None
    worker_concurrency: int | None = None
    analysis: dict[str, Any] | None = None
    """Fields of `AnalysisArgs`, checked where they are used."""
    cpu_millicores: int | None = None
    destinations: tuple[dict[str, Any], ...] = ()
    """Fields of `DestinationArgs`, checked where they are used, as are those of the next."""
    gateway: dict[str, Any] | None = None
    idle_seconds: int | None = None
    longest_step_seconds: float | None = None
    max_pods: int | None = None
    min_pods: int | None = None
    namespace: str | None = None
    pod_concurrency: int | None = None
    sessions_per_pod: float | None = None
    volume_gb: int | None = None
    workload: Workload | None = None

    @model_validator(mode="after")
    def _is_one_thing(self) -> "AgentEntry":
        if bool(self.source) == bool(self.releases):
            raise ValueError(
                "give either `source` (a folder) or `releases` (bundle ids; `agent-hosting release "
                "new` writes them)"
            )
        if self.host is None and self.run_profile is None:
            raise ValueError("give a `run_profile` or a `host`")
        return self


class JwtEntry(Entry):
    """Whose tokens open the HTTP API."""

    issuer: Address
    audiences: tuple[str, ...] = Field(min_length=1)
