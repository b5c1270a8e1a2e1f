"""The agent's function, found by its name in its folder."""

import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from agent_runtime.errors import SettingsError
from agent_runtime.run import Run

Agent = Callable[[Run], Any]


def load_agent(entrypoint: str, task_root: str | Path) -> Agent:
    """Import the agent's function from its folder. Raises `SettingsError` if it is not there."""
    module_name, _, function_name = entrypoint.partition(":")
    folder = str(Path(task_root).resolve())
    if folder not in sys.path:
        sys.path.insert(0, folder)
    try:
        agent = getattr(importlib.import_module(module_name), function_name)
    except (ModuleNotFoundError, AttributeError) as error:
        raise SettingsError(f"entrypoint {entrypoint!r} cannot be loaded from {folder}: {error}") from error
    if not callable(agent):
        raise SettingsError(f"entrypoint {entrypoint!r} is not a function")
    return agent
