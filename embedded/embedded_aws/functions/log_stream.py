"""The log stream of one process, in moto's CloudWatch Logs."""

import base64
import threading
import time
import uuid
from collections.abc import Callable

from moto.backends import get_backend

from embedded_aws.functions import metrics
from embedded_aws.functions.versions import Version

_TAIL_BYTES = 4096
"""`LogResult` of https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html: the last 4 KB."""
_WRITING = threading.Lock()
"""moto's log groups are plain dicts and lists."""


class LogStream:
    """Written straight to the backend in this process: no credentials, no call to the server that waits."""

    def __init__(self, version: Version, account: str, clock: Callable[[], float] = time.time) -> None:
        day = time.strftime("%Y/%m/%d", time.gmtime(clock()))
        self.name = f"{day}/[{version.version}]{uuid.uuid4().hex}"
        self._version, self._account, self._clock = version, account, clock
        self._tail = b""

    def begin(self) -> None:
        """Forgets the lines of the invocation before."""
        self._tail = b""

    def line(self, text: str) -> None:
        self._tail = (self._tail + text.encode() + b"\n")[-_TAIL_BYTES:]
        write_line(
            self._account, self._version.region, self._version.log_group, self.name, text, self._clock()
        )
        metrics.put_embedded(self._account, self._version.region, text)

    def tail(self) -> str:
        return base64.b64encode(self._tail).decode()


def write_line(account: str, region: str, group: str, stream: str, text: str, now: float) -> None:
    """Makes group and stream when they are missing, as Lambda does with its managed policy for logs."""
    logs = get_backend("logs")[account][region]
    with _WRITING:
        logs.ensure_log_group(group)
        logs.ensure_log_stream(group, stream)
    # Outside the lock: a subscription filter may deliver to a function, whose output ends here again.
    logs.put_log_events(group, stream, [{"timestamp": int(now * 1000), "message": text}])
