"""The function of one tool behind a gateway: `module:function` of the tools' folder, called with a `ToolUse`.

It alone has the tool's role. What it returns is JSON; a `ToolFailed` says that nothing was done, and why.
"""

import importlib
import json
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from agent_runtime.errors import SettingsError, ToolFailed
from agent_runtime.secrets import SecretReader, SecretValue

__all__ = ["ToolFailed", "ToolHost", "ToolUse", "handler", "load_tool"]


@dataclass(frozen=True)
class ToolUse:
    """One call of a tool: verified by the gateway, but for what the arguments say."""

    arguments: dict[str, Any]
    """As the tool's schema has them."""
    agent: str
    tenant: str
    run_id: str
    idempotency_key: str
    """The same for the same act, however often it is called; empty for a tool that only reads."""
    user_token: SecretValue | None = field(default=None, repr=False)
    """The user's own token, for a tool with `user_delegated`."""
    secrets: SecretReader | None = field(default=None, repr=False)
    """Those that the tool declares."""


class ToolHost:
    """Calls one function. `load` imports it."""

    def __init__(self, load: Callable[[], Callable[[ToolUse], Any]], secrets: SecretReader | None) -> None:
        self._load = load
        self._secrets = secrets

    def handle(self, event: Mapping[str, Any]) -> dict[str, Any]:
        """`{"result": …}`, or `{"error": {"detail", "acted"}}`; other errors are the function's own."""
        tool = self._load()
        if event.get("health") is True:
            return {"result": "ok"}
        token = event.get("user_token")
        use = ToolUse(
            arguments=dict(event["arguments"]),
            agent=str(event["agent"]),
            tenant=str(event["tenant"]),
            run_id=str(event["run_id"]),
            idempotency_key=str(event["idempotency_key"]),
            user_token=None if token is None else SecretValue(str(token)),
            secrets=self._secrets,
        )
        try:
            result = tool(use)
        except ToolFailed as error:
            return {"error": {"detail": str(error), "acted": False}}
        json.dumps(result, allow_nan=False)
        return {"result": result}


def load_tool(entrypoint: str) -> Callable[[ToolUse], Any]:
    """The function of `module:function`. Raises `SettingsError`."""
    module, _, name = entrypoint.partition(":")
    try:
        found = getattr(importlib.import_module(module), name, None)
    except ImportError as error:
        raise SettingsError(f"TOOL_ENTRYPOINT {entrypoint!r} cannot be imported: {error}") from error
    if not callable(found):
        raise SettingsError(f"TOOL_ENTRYPOINT {entrypoint!r} names no function")
    return found


def _start(environ: Mapping[str, str]) -> ToolHost:
    from agent_runtime.hosts.clients import lazily
    from agent_runtime.logs import log_to

    log_to(sys.stdout, tool=environ.get("TOOL_NAME", ""))
    arns: dict[str, str] = json.loads(environ.get("TOOL_SECRETS") or "{}")
    secrets = SecretReader(lazily("secretsmanager"), arns) if arns else None
    tool = load_tool(environ.get("TOOL_ENTRYPOINT", ""))
    return ToolHost(lambda: tool, secrets)


_host: ToolHost | None = None


def handler(event: Mapping[str, Any], _context: Any) -> dict[str, Any]:
    """The function's handler: `agent_runtime.hosts.tool.handler`."""
    global _host
    if _host is None:
        _host = _start(os.environ)
    return _host.handle(event)
