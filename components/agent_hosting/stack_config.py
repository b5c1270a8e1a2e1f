"""What a stack's YAML may say of its agents, checked once with the path to each mistake."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import pulumi
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from agent_hosting.agent import AgentArgs
from agent_hosting.hosting import Host

NAMESPACE = "agent-hosting"
WORKING_TREE_STACKS = ("local", "dev")
"""Elsewhere what runs is named by bundle id, so that it is reviewed in Git."""
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


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ProfileEntry(_Entry):
    """How long runs last and what they need."""

    longest_run_seconds: float = Field(gt=0, allow_inf_nan=False)
    keeps_state_in_memory: bool = False
    peak_runs_per_minute: float = Field(default=60, gt=0, allow_inf_nan=False)
    needs_file_system: bool = False


class ModelEntry(_Entry):
    """The model of this environment, in place of the manifest's."""

    provider: Literal["bedrock", "openai"]
    name: str
    input_usd_per_million_tokens: float | None = Field(default=None, ge=0)
    output_usd_per_million_tokens: float | None = Field(default=None, ge=0)
    max_output_tokens: int = Field(default=1024, ge=1)
    api_key_secret: SecretName | None = None


class AgentEntry(_Entry):
    """One agent."""

    monthly_budget_usd: float = Field(gt=0, allow_inf_nan=False)
    """What it may cost in a calendar month."""
    source: str | None = None
    """Its folder, in the stacks `local` and `dev` only."""
    releases: tuple[BundleId, ...] = ()
    """Bundle ids, oldest first, as `agent-hosting release new` writes them."""
    run_profile: ProfileEntry | None = None
    host: Host | None = None
    secrets: tuple[SecretName, ...] = ()
    """Names; the values are Pulumi secrets: `pulumi config set --secret agent-hosting:AGENT.SECRET VALUE`."""
    tenants: tuple[TenantName, ...] = ()
    tools: tuple[str, ...] = ()
    alert_emails: tuple[str, ...] = ()
    model: ModelEntry | None = None
    model_endpoint: Address | None = None
    shares: dict[str, float] | None = None
    memory_mb: int | None = None
    turn_timeout_seconds: int | None = None
    reserved_concurrency: int | None = None
    requests_per_second: float | None = None
    checkpoint_retention_days: int | None = None
    log_retention_days: int | None = None

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


class JwtEntry(_Entry):
    """Whose tokens open the HTTP API."""

    issuer: Address
    audiences: tuple[str, ...] = Field(min_length=1)


class StackConfig(_Entry):
    """The keys of the namespace `agent-hosting` in a stack's YAML."""

    agents: dict[AgentName, AgentEntry] = Field(min_length=1)
    jwt: JwtEntry | None = None
    retain_data: bool = True
    architecture: Literal["arm64", "x86_64", "this-machine"] = "arm64"
    deployer_arns: tuple[str, ...] = ()
    release_store: str = "releases"
    """Folder of packed releases, as AGENT/BUNDLE.zip."""

    def agent_args(self, name: str, environment: str, root: Path, config: pulumi.Config) -> AgentArgs:
        """Arguments of the component for the agent `name`; `root` is where paths begin."""
        entry = self.agents[name]
        store = root / self.release_store / name
        releases = [
            {"bundle_id": bundle, "archive": str(store / f"{bundle}.zip")} for bundle in entry.releases
        ]
        left_out = {"source", "releases", "secrets", "shares", "host", "run_profile", "model"}
        args: dict[str, Any] = {
            **entry.model_dump(exclude=left_out, exclude_none=True, exclude_defaults=True),
            "releases": [{"source": str(root / entry.source)}] if entry.source else releases,
            "secrets": {secret: _secret(config, name, secret) for secret in entry.secrets},
            "environment": environment,
            "retain_data": self.retain_data,
            "architecture": self.architecture,
            "deployer_arns": list(self.deployer_arns),
            "jwt": self.jwt.model_dump() if self.jwt else None,
            "run_profile": entry.run_profile.model_dump() if entry.run_profile else None,
            "model": entry.model.model_dump(exclude_none=True) if entry.model else None,
            "host": entry.host.value if entry.host else None,
            # A working tree has no rollout controller beside it: it serves at once unless told otherwise.
            "shares": entry.shares or ({"newest": 1.0} if entry.source else None),
        }
        return AgentArgs(**{key: value for key, value in args.items() if value is not None})  # type: ignore[typeddict-item]


def read_stack(environment: str, given: Mapping[str, str]) -> StackConfig:
    """Checks the configuration `given` (full key -> text) of the stack `environment`.

    Raises pulumi.RunError, which Pulumi prints without a traceback: the path to the field, its value, what is
    allowed.
    """
    import json

    held = {
        key.removeprefix(f"{NAMESPACE}:"): text
        for key, text in given.items()
        if key.startswith(f"{NAMESPACE}:")
    }
    raw = {
        key: _parsed(json, text) for key, text in held.items() if "." not in key
    }  # `AGENT.SECRET` are values
    where = f"stacks/Pulumi.{environment}.yaml"
    try:
        stack = StackConfig.model_validate(raw)
    except ValidationError as error:
        lines = [f"{where}: {_told(problem)}" for problem in error.errors(include_url=False)]
        raise pulumi.RunError("\n".join(lines)) from None
    for name, entry in stack.agents.items():
        if entry.source and environment not in WORKING_TREE_STACKS:
            raise pulumi.RunError(
                f"{where}: {NAMESPACE}:agents.{name}.source is {entry.source!r}; a working tree is "
                f"allowed in "
                f"{' and '.join(WORKING_TREE_STACKS)} only. Pack it with `agent-hosting release new "
                f"{name} --stack "
                f"{environment}`, which writes its bundle id under `releases`."
            )
    return stack


def _told(problem: Any) -> str:
    path, said = ".".join(str(part) for part in problem["loc"]), problem["msg"].removeprefix("Value error, ")
    if problem["type"] == "extra_forbidden":
        said = f"no such field; known are {', '.join(sorted(_entry_at(problem['loc'][:-1]).model_fields))}"
    value = "" if problem["type"] == "missing" else f" is {problem['input']!r}"
    return f"{NAMESPACE}:{path}{value}: {said}"


def _entry_at(path: tuple[Any, ...]) -> type[BaseModel]:
    """The model of what lies at `path` of the configuration."""
    if not path:
        return StackConfig
    if path[0] == "agents" and len(path) == 2:
        return AgentEntry
    return {"jwt": JwtEntry, "run_profile": ProfileEntry, "model": ModelEntry}[path[-1]]


def _parsed(json: Any, text: str) -> Any:
    """Pulumi hands objects over as JSON, and texts as they are."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def _secret(config: pulumi.Config, agent: str, secret: str) -> pulumi.Input[str]:
    """The value from Pulumi's encrypted configuration, else from AGENT_SECRET_… in the environment, else
    empty."""
    variable = re.sub(r"\W", "_", f"AGENT_SECRET_{agent}_{secret}").upper()
    held = config.get_secret(f"{agent}.{secret}")
    if held is not None:
        return held
    if not os.environ.get(variable):
        pulumi.log.warn(
            f"secret {secret} of agent {agent} has no value: set one with `pulumi config set --secret "
            f"{NAMESPACE}:{agent}.{secret} VALUE`, or put it into Secrets Manager by hand"
        )
        return ""
    return pulumi.Output.secret(os.environ[variable])
