"""Lines of a pod's standard output, sent to the agent's own log group too: on Lambda and ECS the platform
does that, and CloudWatch finds the metrics in them."""

import io
import logging
from typing import Any, Final, TextIO

_SEND_SECONDS: Final = 5
_NAME: Final = "agent_runtime.shipped"


class Shipped(io.TextIOBase):
    """Writes to `stream` what is written to it, and each whole line to `log_group`, in batches by a thread of
    its own. `logs` is boto3's client. What CloudWatch does not take is dropped: no run waits for it."""

    def __init__(self, stream: TextIO, logs: Any, log_group: str, log_stream: str) -> None:
        from watchtower import CloudWatchLogHandler

        self._stream, self._begun = stream, ""
        self._handler = CloudWatchLogHandler(
            log_group_name=log_group,
            log_stream_name=log_stream,
            boto3_client=logs,
            create_log_group=False,  # the deployment made it, with an end of retention
            send_interval=_SEND_SECONDS,
        )
        self._handler.setFormatter(logging.Formatter("%(message)s"))

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        self._stream.write(text)
        *lines, self._begun = (self._begun + text).split("\n")
        for line in lines:
            if line:
                self._handler.handle(logging.LogRecord(_NAME, logging.INFO, "", 0, line, None, None))
        return len(text)

    def flush(self) -> None:
        self._stream.flush()

    def close(self) -> None:
        """Send what is left."""
        self._handler.close()
