"""What the gateway tells of each call: a log line, and metrics in CloudWatch's embedded format.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

import json
import logging
import time
from collections.abc import Callable, Mapping
from typing import Final

from agent_runtime.gateway.declared import TOOLS_DOWN
from agent_runtime.metrics import NAMESPACE

CALLS, REFUSED, FAILED, MILLISECONDS = "GatewayCalls", "GatewayRefused", "GatewayFailed", "GatewayMs"
TOOL_DOWN: Final = "ToolDown"
_log = logging.getLogger("agent_runtime.gateway")
_FAILURES: Final = frozenset({"tool-failed", "tool-timeout", "tool-unavailable", "state-unavailable"})


class Telling:
    """Tells of one gateway's calls. `write` gets the lines of metrics; `clock` gives seconds since 1970."""

    def __init__(
        self, gateway: str, write: Callable[[str], None], clock: Callable[[], float] = time.time
    ) -> None:
        self._gateway = gateway
        self._write = write
        self._clock = clock

    def tell(
        self,
        outcome: str,
        *,
        tool: str | None,
        agent: str = "",
        tenant: str = "",
        run_id: str = "",
        step: str = "",
        asked: str = "",
        milliseconds: float = 0.0,
        replayed: bool = False,
    ) -> None:
        """`outcome` is `ok` or the kind of a problem. `tool` is None for one that is not declared: what a
        caller writes must not make a metric, since each costs money; `asked` is what it wrote."""
        fields = {
            "outcome": outcome,
            "tool": tool or "",
            "asked": asked[:64],
            "agent": agent,
            "tenant": tenant,
            "run_id": run_id,
            "step": step,
            "milliseconds": round(milliseconds, 3),
            "replayed": replayed,
        }
        if outcome == "ok":
            _log.info("tool called", extra=fields)
        else:
            _log.warning("tool call failed" if outcome in _FAILURES else "tool call refused", extra=fields)
        self._write(self._metrics(outcome, tool, milliseconds, fields))

    def tell_health(self, found: Mapping[str, bool]) -> None:
        """Whether each tool was well, in metrics by tool, and how many were not by gateway."""
        for tool, is_well in found.items():
            if not is_well:
                _log.warning("tool down", extra={"tool": tool})
            self._write(self._emf([["gateway", "tool"]], {TOOL_DOWN: int(not is_well)}, {"tool": tool}))
        down = sum(not is_well for is_well in found.values())
        self._write(self._emf([["gateway"]], {TOOLS_DOWN: down}, {}))

    def _emf(
        self, dimensions: list[list[str]], counted: Mapping[str, float], named: Mapping[str, object]
    ) -> str:
        units = [{"Name": n, "Unit": "Milliseconds" if n == MILLISECONDS else "Count"} for n in counted]
        directive = {"Namespace": NAMESPACE, "Dimensions": dimensions, "Metrics": units}
        aws = {"Timestamp": int(self._clock() * 1000), "CloudWatchMetrics": [directive]}
        return json.dumps({"_aws": aws, "gateway": self._gateway, **named, **counted})

    def _metrics(
        self, outcome: str, tool: str | None, milliseconds: float, fields: Mapping[str, object]
    ) -> str:
        counted = {
            CALLS: 1,
            REFUSED: int(outcome != "ok" and outcome not in _FAILURES),
            FAILED: int(outcome in _FAILURES),
            MILLISECONDS: round(milliseconds, 3),
        }
        dimensions = [["gateway"], *([["gateway", "tool"]] if tool else [])]
        named = {name: fields[name] for name in ("outcome", "agent", "tenant", "run_id")}
        return self._emf(dimensions, counted, {"tool": tool or "", **named})
