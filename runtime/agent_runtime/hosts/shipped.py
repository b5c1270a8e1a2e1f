"""Lines of a pod's standard output, sent to the agent's own log group too: on Lambda and ECS the platform
does that, and CloudWatch finds the metrics in them."""

import io
import logging
from contextlib import suppress
from threading import Lock
from typing import Any, Final, TextIO

from botocore.exceptions import BotoCoreError

_SEND_SECONDS: Final = 5
_CLOSE_SECONDS: Final = 4
"""For the last lines: what a pod has left of its stop time once the last callers have their answers."""
_MOST_WAITING: Final = 10_000
"""Lines that are kept while CloudWatch does not answer."""
_NAME: Final = "agent_runtime.shipped"


class Shipped(io.TextIOBase):
    """Writes to `stream` what is written to it, and each whole line to `log_group`, in batches by a thread of
    its own. `logs` is boto3's client. What CloudWatch does not take is dropped: no run waits for it."""

    def __init__(self, stream: TextIO, logs: Any, log_group: str, log_stream: str) -> None:
        from watchtower import CloudWatchLogHandler

        self._stream, self._begun, self._lock = stream, "", Lock()
        self._is_open = True
        self._handler = CloudWatchLogHandler(
            log_group_name=log_group,
            log_stream_name=log_stream,
            boto3_client=_Allowed(logs),  # pyright: ignore[reportArgumentType]  # all of a client that it uses
            create_log_group=False,  # the deployment made it, with an end of retention
            send_interval=_SEND_SECONDS,
        )
        self._handler.FLUSH_TIMEOUT = _CLOSE_SECONDS  # pyright: ignore[reportAttributeAccessIssue]  # seen as 30
        self._handler.setFormatter(logging.Formatter("%(message)s"))

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        with self._lock:  # runs write from threads of their own, and `print` a line in two pieces
            self._stream.write(text)
            *lines, self._begun = (self._begun + text).split("\n")
            for line in lines:
                self._ship(line)
        return len(text)

    def flush(self) -> None:
        self._stream.flush()

    def close(self) -> None:
        """Send what is left, for some seconds at most. What is written later goes to the stream alone."""
        with self._lock:
            if not self._is_open:
                return
            self._ship(self._begun)
            self._is_open = False
        self._handler.close()

    def _ship(self, line: str) -> None:
        waiting = sum(lines.qsize() for lines in self._handler.queues.values())
        if line and self._is_open and waiting < _MOST_WAITING:
            self._handler.handle(logging.LogRecord(_NAME, logging.INFO, "", 0, line, None, None))


class _Allowed:
    """The two calls that the agent's role may make."""

    def __init__(self, logs: Any) -> None:
        self.exceptions = logs.exceptions
        self.put_log_events = logs.put_log_events
        self._create_log_stream = logs.create_log_stream

    def create_log_stream(self, **given: str) -> None:
        """An error of the network would end watchtower's thread; the next batch asks for the stream again."""
        with suppress(BotoCoreError):
            self._create_log_stream(**given)
