"""What a stack's YAML may say of its agents, checked once with the path to each mistake."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import pulumi
from pydantic import BaseModel, Field, ValidationError

from agent_hosting._agent_args import AgentArgs
from agent_hosting._stack_entries import (
    FORMS,
    AgentEntry,
    AgentName,
    Entry,
    JwtEntry,
    ModelEntry,
    NotifyEntry,
    ProfileEntry,
    ReleaseEntry,
)
from agent_hosting._stack_tools import CallerEntry, ToolGatewayEntry
from agent_hosting._tool_gateway_args import ToolGatewayArgs
from agent_runtime.model_prices import ModelPrice

NAMESPACE = "agent-hosting"
GATEWAY = "tools"
"""Name of the stack's tool gateway, by which its audit trail is found, too."""
CLIENT_SECRET = "tool-gateway"  # noqa: S105  a secret's name
WORKING_TREE_STACKS = ("local", "dev")
"""Elsewhere what runs is named by bundle id, so that it is reviewed in Git."""


class StackConfig(Entry):
    """The keys of the namespace `agent-hosting` in a stack's YAML."""

    agents: dict[AgentName, AgentEntry] = Field(min_length=1)
    jwt: JwtEntry | None = None
    tool_gateway: ToolGatewayEntry | None = None
    """What the agents' shared tools are called by."""
    retain_data: bool = True
    cluster: dict[str, Any] | None = None
    """Fields of `AgentClusterArgs` for agents on EKS, checked where they are used."""
    architecture: Literal["arm64", "x86_64", "this-machine"] = "arm64"
    deployer_arns: tuple[str, ...] = ()
    prices: dict[str, ModelPrice] = Field(default_factory=dict[str, ModelPrice])
    """By the name of a model, in the place of what bundles say."""
    release_store: str = "releases"
    """Folder of packed releases, as AGENT/BUNDLE.zip."""

    def cluster_args(self, boundary_arn: pulumi.Input[str]) -> dict[str, Any]:
        """Arguments of the component for the cluster of the agents on EKS."""
        given = self.cluster or {}
        makes_network = not given.get("network") and not given.get("existing")
        return {**({"boundary_arn": boundary_arn} if makes_network else {}), **given}

    def tool_gateway_args(
        self, root: Path, config: pulumi.Config, platform: Any, tags: Any = None
    ) -> ToolGatewayArgs | None:
        """Arguments of the component for the agents' tool gateway, if there is one."""
        entry = self.tool_gateway
        if entry is None or self.jwt is None:
            return None
        callers = {
            name: {
                **caller.model_dump(exclude_defaults=True),
                **({"client_secret": _secret(config, name, CLIENT_SECRET)} if caller.is_agent else {}),
            }
            for name, caller in entry.callers.items()
        }
        left_out = {"callers", "audiences", "secrets", "source"}
        args: dict[str, Any] = {
            **entry.model_dump(exclude=left_out, exclude_none=True, exclude_defaults=True),
            "callers": callers,
            "jwt": {"issuer": self.jwt.issuer, "audiences": list(entry.audiences)},
            "secrets": {secret: _secret(config, "tool-gateway", secret) for secret in entry.secrets},
            "platform": platform,
            "retain_data": self.retain_data,
            "architecture": self.architecture,
            "deployer_arns": list(self.deployer_arns),
            **({"source": str(root / entry.source)} if entry.source else {}),
            **({"tags": tags} if tags else {}),
        }
        return ToolGatewayArgs(**args)  # type: ignore[typeddict-item]

    def agent_args(self, name: str, environment: str, root: Path, config: pulumi.Config) -> AgentArgs:
        """Arguments of the component for the agent `name`; `root` is where paths begin."""
        entry = self.agents[name]
        store = root / self.release_store / name
        releases: list[dict[str, str]] = []
        for listed in entry.releases:
            bundle = listed if isinstance(listed, str) else listed.bundle
            image = {} if isinstance(listed, str) else {"image": listed.image}
            releases.append({"bundle_id": bundle, "archive": str(store / f"{bundle}.zip"), **image})
        if entry.source:
            releases = [
                {"source": str(root / entry.source), **({"image": entry.image} if entry.image else {})}
            ]
        left_out = {
            "source",
            "image",
            "releases",
            "secrets",
            "shares",
            "host",
            "run_profile",
            "model",
            "notify",
            "models",
        }
        args: dict[str, Any] = {
            **entry.model_dump(mode="json", exclude=left_out, exclude_none=True, exclude_defaults=True),
            "releases": releases,
            "secrets": {secret: _secret(config, name, secret) for secret in entry.secrets},
            "environment": environment,
            "retain_data": self.retain_data,
            "architecture": self.architecture,
            "deployer_arns": list(self.deployer_arns),
            "prices": {name: price.model_dump(exclude_none=True) for name, price in self.prices.items()}
            or None,
            "jwt": self.jwt.model_dump() if self.jwt else None,
            "tool_versions": self._tool_versions(name),
            "run_profile": entry.run_profile.model_dump(exclude_none=True) if entry.run_profile else None,
            "model": self._model(entry.model) if entry.model else None,
            "models": {tier: self._model(model) for tier, model in entry.models.items()}
            if entry.models
            else None,
            "host": entry.host.value if entry.host else None,
            "notify": _notify(entry, config, name),
            # A working tree has no rollout controller beside it: it serves at once unless told otherwise.
            "shares": entry.shares or ({"newest": 1.0} if entry.source else None),
        }
        return AgentArgs(**{key: value for key, value in args.items() if value is not None})  # type: ignore[typeddict-item]

    def _model(self, model: ModelEntry) -> dict[str, Any]:
        price = self.prices.get(model.name)
        return model.model_dump(exclude_none=True) | (price.model_dump(exclude_none=True) if price else {})

    def _tool_versions(self, name: str) -> dict[str, str] | None:
        """What the environment offers: the gateway's versions to its callers, and what the entry says."""
        gateway, said = self.tool_gateway, self.agents[name].tool_versions
        if gateway is None or name not in gateway.callers:
            return said
        return {tool: str(held.get("version")) for tool, held in gateway.tools.items()} | (said or {})


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
    if stack.tool_gateway is not None and stack.jwt is None:
        raise pulumi.RunError(
            f"{where}: {NAMESPACE}:tool_gateway needs {NAMESPACE}:jwt: its issuer signs the agents' tokens"
        )
    if stack.tool_gateway is not None and GATEWAY in stack.agents:
        raise pulumi.RunError(
            f"{where}: {NAMESPACE}:agents.{GATEWAY} has the name of the tool gateway, whose audit trail is "
            f"found by it: rename the agent"
        )
    if (mistake := _mistake_in_groups(stack)) is not None:
        raise pulumi.RunError(f"{where}: {mistake}")
    return stack


def _mistake_in_groups(stack: "StackConfig") -> str | None:
    """A group that its members do not agree on would wait for ever."""
    groups = {name: (entry.rollout or {}).get("group") for name, entry in stack.agents.items()}
    for name, group in groups.items():
        for member in group or ():
            if groups.get(member) != group:
                return (
                    f"{NAMESPACE}:agents.{name}.rollout.group names {member}, which "
                    f"{'has another group' if member in groups else 'is no agent of this stack'}; give each "
                    f"of its members the same group"
                )
    return None


def _told(problem: Any) -> str:
    # How a release is written is no part of the path to it.
    place = tuple(part for part in problem["loc"] if part not in FORMS)
    path, said = ".".join(map(str, place)), problem["msg"].removeprefix("Value error, ")
    if problem["type"] == "extra_forbidden":
        said = f"no such field; known are {', '.join(sorted(_entry_at(place[:-1]).model_fields))}"
    value = "" if problem["type"] == "missing" else f" is {problem['input']!r}"
    return f"{NAMESPACE}:{path}{value}: {said}"


def _entry_at(path: tuple[Any, ...]) -> type[BaseModel]:
    """The model of what lies at `path` of the configuration."""
    if not path:
        return StackConfig
    if path[0] == "agents" and len(path) == 2:
        return AgentEntry
    if path[0] == "prices":
        return ModelPrice
    if "releases" in path:
        return ReleaseEntry
    if path[-2:-1] == ("models",):
        return ModelEntry
    if path[0] == "tool_gateway":
        return ToolGatewayEntry if len(path) == 1 else CallerEntry
    return {"jwt": JwtEntry, "run_profile": ProfileEntry, "model": ModelEntry, "notify": NotifyEntry}[
        path[-1]
    ]


def _parsed(json: Any, text: str) -> Any:
    """Pulumi hands objects over as JSON, and texts as they are."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def _notify(entry: AgentEntry, config: pulumi.Config, agent: str) -> dict[str, Any] | None:
    """The address of a chat opens it to whoever has it, so that it stands among the secrets."""
    if entry.notify is None:
        return None
    found = entry.notify.model_dump(
        mode="json", exclude={"webhook"}, exclude_none=True, exclude_defaults=True
    )
    return {
        **found,
        **({"webhook_url": _secret(config, agent, "webhook-url")} if entry.notify.webhook else {}),
    }


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
