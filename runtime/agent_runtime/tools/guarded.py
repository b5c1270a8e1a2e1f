"""A gateway whose tools are left alone while they are down: a circuit for each, as for models."""

from typing import Any

from agent_runtime.errors import ToolThrottled, ToolUnavailable
from agent_runtime.guards.circuits import Circuits
from agent_runtime.tools.calling import Gateway, ToolCall
from agent_runtime.tools.gateway import longest_seconds


class GuardedGateway:
    """Calls tools of `gateway` while their circuits are closed."""

    def __init__(self, gateway: Gateway, circuits: Circuits) -> None:
        self._gateway, self._circuits = gateway, circuits

    def call(self, call: ToolCall) -> Any:
        """The tool's result. Raises what the gateway raises, and `CircuitOpen` before anything is sent."""
        with self._circuits.guarding(f"tool:{call.spec.name}", _outage, longest_seconds(call.spec)):
            return self._gateway.call(call)


def _outage(error: Exception) -> float | None:
    """One tenant that is held to its rate says nothing of the tool."""
    is_down = isinstance(error, ToolUnavailable) and not isinstance(error, ToolThrottled)
    return 0.0 if is_down else None
