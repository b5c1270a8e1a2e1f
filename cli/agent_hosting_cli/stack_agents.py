"""The agents of a stack, for commands that look over all of them."""

from collections.abc import Iterable
from typing import Any

from agent_hosting_cli import deployed
from agent_hosting_cli.deployed import Deployed
from agent_hosting_cli.project import Project, UserError


def agents_of(project: Project, stack: str, agent: str | None = None) -> list[Deployed]:
    """All agents of the stack by their names, or the one that is named. Raises `UserError`."""
    outputs, client = deployed.outputs_of(project, stack)
    found = [Deployed(name, told, client) for name, told in sorted(outputs.items()) if _is_agent(told)]
    if agent is None:
        return found
    named = [one for one in found if one.agent == agent]
    if not named:
        raise UserError(f"the stack {stack} has no agent {agent!r}; it has {_names(found)}")
    return named


def _names(found: Iterable[Deployed]) -> str:
    return ", ".join(one.agent for one in found) or "none"


def _is_agent(told: Any) -> bool:
    """A stack exports more than agents."""
    return isinstance(told, dict) and bool(told.get("checkpoint_table_name"))
