"""What a stack's YAML says of the agent that is evaluated: its folder, model, endpoint and tools."""

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from agent_hosting._validation import InputError, Inputs
from agent_hosting.agent_bundle import read_bundle
from agent_hosting_cli import cloud_process
from agent_hosting_cli.engine import LOCAL, LOCAL_SECRET, secret_variable
from agent_hosting_cli.project import Project, UserError
from agent_hosting_cli.releases import source_of
from agent_runtime.addresses import private_url
from agent_runtime.bundle import Bundle
from agent_runtime.hosts.providers import Address

_AGENTS: Final = "agent-hosting:agents"


@dataclass(frozen=True)
class Declared:
    """An agent as one stack declares it."""

    name: str
    stack: str
    folder: Path
    bundle: Bundle
    """Of the working tree, with the stack's model: the id that a release of it has."""
    model_endpoint: str | None
    """As it is written, variables of the environment unexpanded."""
    model_endpoints: dict[str, str]
    """Likewise, by tier."""
    tools: frozenset[str] | None
    """Those that the stack allows; None: all of the manifest's."""


def declared_agent(project: Project, agent: str, stack: str) -> Declared:
    """The agent of a stack, with the bundle of its working tree. Raises `UserError`."""
    path = project.stack_file(stack)
    try:
        held: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
        agents: dict[str, Any] = held["config"][_AGENTS]
        entry: dict[str, Any] | None = agents.get(agent)
    except OSError:
        known = ", ".join(sorted(p.stem.removeprefix("Pulumi.") for p in path.parent.glob("Pulumi.*.yaml")))
        raise UserError(f"{path} is missing; the stacks are {known or 'none'}") from None
    except (yaml.YAMLError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{path}: {_AGENTS} cannot be read ({type(error).__name__})") from None
    if entry is None:
        raise UserError(f"{path}: {_AGENTS} has no agent {agent!r}; it has {', '.join(agents)}")
    folder = project.root / (entry.get("source") or source_of(project, agent))
    try:
        inputs = Inputs("Agent", agent, {})
        bundle = read_bundle(folder, entry.get("model"), inputs, entry.get("models"))
    except InputError as error:
        raise UserError(str(error)) from None
    tools = frozenset(entry["tools"]) if entry.get("tools") else None
    return Declared(
        agent, stack, folder, bundle, entry.get("model_endpoint"), entry.get("model_endpoints") or {}, tools
    )


def address_of(
    project: Project, declared: Declared, given: str | None, stack_was_given: bool, tier: str = ""
) -> Address:
    """Base URL of a tier's model: what was given, what the stack says where one was named, else the embedded
    cloud's while it runs. Raises `UserError`."""
    if given is not None:
        return Address(_checked(given, "--endpoint"))
    where = f"{project.stack_file(declared.stack)}: {_AGENTS}.{declared.name}.model_endpoint"
    cloud = cloud_process.running(project)
    if cloud is not None and (declared.stack == LOCAL or not stack_was_given):
        return Address(cloud.model_url)
    if tier in declared.model_endpoints:
        where = f"{where}s.{tier}"
        return Address(_checked(_expanded(declared.model_endpoints[tier], where), where), is_own=True)
    if declared.model_endpoint is None:
        raise UserError(f"{where} is missing; give it there, or name one with --endpoint URL")
    return Address(_checked(_expanded(declared.model_endpoint, where), where))


def secret_values(declared: Declared, names: set[str]) -> dict[str, str]:
    """The secrets by name, from `AGENT_SECRET_AGENT_NAME` of the environment. Raises `UserError` naming the
    variable that is missing; the stack `local` needs none."""
    found: dict[str, str] = {}
    for name in sorted(names):
        variable = secret_variable(declared.name, name)
        value = os.environ.get(variable) or (LOCAL_SECRET if declared.stack == LOCAL else None)
        if value is None:
            raise UserError(
                f"secret {name!r} of {declared.name} has no value: set the environment variable {variable}"
            )
        found[name] = value
    return found


def _expanded(text: str, where: str) -> str:
    def value(match: "re.Match[str]") -> str:
        if not os.environ.get(match[1]):
            raise UserError(
                f"{where} is {text!r}, and {match[1]} is not set: the embedded cloud does not run. Start it "
                f"with `make up`, name another stack with --stack, or a model with --endpoint URL"
            )
        return os.environ[match[1]]

    return re.sub(r"\$\{(\w+)\}", value, text)


def _checked(endpoint: str, where: str) -> str:
    """The key goes there: over https, or to this machine."""
    try:
        return private_url(endpoint).rstrip("/")
    except ValueError:
        raise UserError(
            f"{where} is {endpoint!r}; an https URL, or http on this machine, without a user name is needed, "
            f"such as https://models.example.com/v1"
        ) from None
