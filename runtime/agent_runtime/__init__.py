"""Runs an agent's function as checkpointed steps, the same on every host.

Names are imported when they are first used: a model of `bundle` must not cost the import of boto3.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from agent_runtime.bundle import AgentManifest, Bundle, ModelSpec, bundle_from_folder, load_manifest
    from agent_runtime.errors import AgentRuntimeError
    from agent_runtime.models.client import ModelReply
    from agent_runtime.run import Run
    from agent_runtime.secrets import SecretValue
    from agent_runtime.tools.local import tool

__all__ = [
    "AgentManifest",
    "AgentRuntimeError",
    "Bundle",
    "ModelReply",
    "ModelSpec",
    "Run",
    "SecretValue",
    "bundle_from_folder",
    "load_manifest",
    "tool",
]

_HOMES = {
    "AgentManifest": "bundle",
    "AgentRuntimeError": "errors",
    "Bundle": "bundle",
    "ModelReply": "models.client",
    "ModelSpec": "bundle",
    "Run": "run",
    "SecretValue": "secrets",
    "bundle_from_folder": "bundle",
    "load_manifest": "bundle",
    "tool": "tools.local",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
