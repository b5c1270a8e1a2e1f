"""Agents on ECS, as several tests make them."""

from typing import Any

from agent_hosting import EcsAgent
from tests.components.recorder import Program, World, run
from tests.components.samples import PLATFORM, making


def ecs_agent(source: str, world: World | None = None, **changes: Any) -> Program:
    """The agent `handbook` on a shared platform."""
    return run(making(EcsAgent, "handbook", source, **{"platform": PLATFORM, **changes}), world)


def container(program: Program) -> dict[str, Any]:
    """The one container of the one release."""
    (found,) = program.one("TaskDefinition").document("containerDefinitions")
    return found


def environment(program: Program) -> dict[str, str]:
    """What the worker is told."""
    return {entry["name"]: entry["value"] for entry in container(program)["environment"]}
