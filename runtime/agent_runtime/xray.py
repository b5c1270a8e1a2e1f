"""What a run tells X-Ray: one part of the function's trace, to be found by its agent and bundle.

A datagram to the daemon that Lambda runs beside a traced function; X-Ray's SDK would patch every client for
it. https://docs.aws.amazon.com/xray/latest/devguide/xray-api-segmentdocuments.html
"""

import json
import os
import socket
from collections.abc import Mapping
from typing import Any, Final

_HEADER: Final = b'{"format": "json", "version": 1}\n'


class Tracer:
    """Tells of one bundle's runs. `environ` is that of the process: Lambda changes it with each call."""

    def __init__(self, environ: Mapping[str, str], agent: str, bundle_id: str) -> None:
        self._environ = environ
        self._agent = agent
        self._bundle_id = bundle_id

    def tell(self, run_id: str, began: float, ended: float, *, failed: bool) -> None:
        """Send the run's part of the trace, where there is one. Times are seconds since 1970."""
        address = self._environ.get("AWS_XRAY_DAEMON_ADDRESS", "")
        parts = [part.partition("=") for part in self._environ.get("_X_AMZN_TRACE_ID", "").split(";")]
        trace = {name: value for name, _, value in parts}
        host, _, port = address.rpartition(":")
        if not (host and port.isdecimal()) or trace.get("Sampled") != "1" or "Root" not in trace:
            return
        segment: dict[str, Any] = {
            "type": "subsegment",
            "name": self._agent,
            "id": os.urandom(8).hex(),
            "trace_id": trace["Root"],
            "parent_id": trace.get("Parent", ""),
            "start_time": began,
            "end_time": ended,
            "annotations": {"agent": self._agent, "bundle": self._bundle_id, "run_id": run_id},
            **({"fault": True} if failed else {}),
        }
        try:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as daemon:
                daemon.connect((host, int(port)))
                daemon.send(_HEADER + json.dumps(segment).encode())
        except OSError:
            return  # a trace that is lost fails no run
