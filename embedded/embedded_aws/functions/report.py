"""The words for how a run ended: the payload for the caller and the REPORT line for the log."""

import math
import signal

from embedded_aws.functions.invocation import (
    RESPONSE_LIMIT_BYTES,
    exited_payload,
    timed_out_payload,
    too_large_payload,
)
from embedded_aws.functions.outcomes import Exited, Failed, Outcome, OverMemory, Responded, TimedOut
from embedded_aws.functions.sandbox import Run
from embedded_aws.functions.versions import Version


def worded(outcome: Outcome, version: Version, request_id: str) -> tuple[bytes, bool]:
    """(payload, whether it is a function error)."""
    match outcome:
        case Responded(payload) if len(payload) > RESPONSE_LIMIT_BYTES:
            return too_large_payload(), True
        case Responded(payload):
            return payload, False
        case Failed(payload):
            return payload, True
        case TimedOut():
            return timed_out_payload(request_id, version.timeout_seconds), True
        case OverMemory():
            return exited_payload(request_id, "with error: signal: killed"), True
        case Exited(0):
            return exited_payload(request_id, "without providing a reason"), True
        case Exited(returncode):
            return exited_payload(request_id, f"with error: {_exit_status(returncode)}"), True


def report_line(request_id: str, version: Version, run: Run) -> str:
    """https://docs.aws.amazon.com/lambda/latest/dg/python-logging.html, the REPORT line."""
    milliseconds = run.duration_seconds * 1000
    parts = [
        f"REPORT RequestId: {request_id}",
        f"Duration: {milliseconds:.2f} ms",
        f"Billed Duration: {math.ceil(milliseconds)} ms",
        f"Memory Size: {version.memory_mb} MB",
        f"Max Memory Used: {math.ceil(run.peak_bytes / 1024 / 1024)} MB",
    ]
    if run.init_seconds is not None:
        parts.append(f"Init Duration: {run.init_seconds * 1000:.2f} ms")
    match run.outcome:
        case TimedOut():
            parts.append("Status: timeout")
        case Exited() | OverMemory():
            parts += ["Status: error", "Error Type: Runtime.ExitError"]
        case _:
            pass
    return "\t".join(parts)


def _exit_status(returncode: int) -> str:
    if returncode >= 0:
        return f"exit status {returncode}"
    known = {signal.SIGKILL: "killed", signal.SIGTERM: "terminated", signal.SIGSEGV: "segmentation fault"}
    return f"signal: {known.get(signal.Signals(-returncode), signal.Signals(-returncode).name)}"
