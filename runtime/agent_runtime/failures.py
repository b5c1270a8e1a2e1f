"""The error of a step that the agent caught: written as its class alone, and raised again by a replay."""

import importlib
from typing import Any

from agent_runtime.errors import StepMismatch


def kind_of(error: Exception) -> str:
    """`module:class`. The text is left out: it may hold anything, a secret among it."""
    return f"{type(error).__module__}:{type(error).__qualname__}"


def same_error(kind: str, name: str) -> Exception:
    """An error of the recorded class, so that the same `except` catches it. Its text was never written."""
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
    made.args = (text,)
    return made
