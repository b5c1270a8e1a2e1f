"""Which tools a stack lets an agent use."""

import json
import re
from collections.abc import Iterator
from typing import Any

from ..framework.index import StackIndex
from ..framework.values import Malformed, View
from ._runtimes import Runtime

_LISTS = re.compile(r"(?:^|_)(?:ALLOWED_|ENABLED_)?TOOLS(?:_ALLOWED|_ALLOWLIST)?$|(?:^|_)TOOL_ALLOW_?LIST$")
_ACTIONS = re.compile(r"(?:^|_)TOOL_ACTIONS$")


def tool_lists(program: Runtime) -> Iterator[tuple[str, list[str]]]:
    """Path and tools of each variable that lists them, as JSON or divided by commas."""
    for name, value in program.said(_LISTS):
        yield f"{program.path}.{name}", _names(value)


def tools_of_bundle(program: Runtime, stack: StackIndex) -> list[str] | None:
    """Tools of the bundle's manifest: what is not in it cannot be called. None where no bundle is named."""
    manifest = program.manifest(stack)
    if manifest is None:
        return None
    return [View(tool, manifest.at("tools")).text("name") for tool in manifest.items("tools")]


def tool_actions(program: Runtime) -> tuple[str, dict[str, list[str]]] | None:
    """Path and actions by tool, where a variable declares them."""
    for name, value in program.said(_ACTIONS):
        path = f"{program.path}.{name}"
        try:
            held = View(json.loads(value), path)
        except (ValueError, RecursionError) as error:
            raise Malformed(path, f"is no JSON document: {str(error)[:100]}") from None
        return path, {tool: held.texts(tool) for tool in held.held}
    return None


def _names(value: str) -> list[str]:
    try:
        held: Any = json.loads(value)
    except (ValueError, RecursionError):
        held = value
    many = held if isinstance(held, list) else list(held) if isinstance(held, dict) else str(held).split(",")
    return [str(name).strip() for name in many if str(name).strip()]
