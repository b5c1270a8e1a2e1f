"""The error of a step that the agent caught: written as its class alone, and raised again by a replay."""

import importlib
from typing import Any

from agent_runtime.errors import StepMismatch, ToolRefused


def kind_of(error: Exception) -> str:
    """`module:class`. The text is left out: it may hold anything, a secret among it."""
    return f"{type(error).__module__}:{type(error).__qualname__}"


def told_of(error: Exception) -> str | None:
    """The text that is written with an error: of a refusal alone, which is the runtime's own and which the
    agent tells its model."""
    return str(error) if isinstance(error, ToolRefused) else None


def same_error(kind: str, name: str, told: str | None = None) -> Exception:
    """An error of the recorded class, so that the same `except` catches it; `told` is what was written of its
    text."""
    module_name, _, class_name = kind.partition(":")
    try:
        found: Any = importlib.import_module(module_name)
    except ImportError:
        found = None
    for part in class_name.split("."):
        found = getattr(found, part, None)
    text = f"step {name!r} failed with {class_name}, and the agent went on"
    if not (isinstance(found, type) and issubclass(found, Exception)):
        return StepMismatch(f"{text}; that class is no longer there")
    made = found.__new__(found)
    made.args = (text if told is None else told,)
    return made
