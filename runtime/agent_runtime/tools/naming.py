"""How a call of a tool is named where it is told of, whatever a model made up."""

import hashlib
import json
import re
from typing import Final

from agent_runtime.records import path_text
from agent_runtime.scopes import current_scope
from agent_runtime.tool_spec import TOOL_NAME

_NAMELESS: Final = "refused-tool"


def place() -> str:
    """The path of the step that the thread is in, as text."""
    scope = current_scope.get()
    return "" if scope is None else path_text(scope.path)


def tool_shown(name: str) -> str:
    """The name where it can be a tool's: a model may make up anything."""
    return name if re.fullmatch(TOOL_NAME, name) else _NAMELESS


def digest(value: object) -> str:
    """16 hex digits, the same for the same JSON; what is none differs from all that is."""
    try:
        text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    except (TypeError, ValueError, RecursionError):
        text = f"no JSON: {type(value).__name__}"
    return hashlib.sha256(text.encode()).hexdigest()[:16]
