"""The socket: waitress, with an end to every request and a problem document for what it refuses itself.

Its one loop reads whole requests before a thread has them, so that slow callers hold no thread.
"""

import json
import threading
import time
from collections.abc import Callable
from typing import Any, Final

import waitress.adjustments
import waitress.channel
import waitress.server
import waitress.task

from agent_runtime.hosts.problems import CONTENT_TYPE, Problem

# What others wrote down of their types is wrong in several places.
_Adjustments: Any = waitress.adjustments.Adjustments
_HTTPChannel: Any = waitress.channel.HTTPChannel
_TcpWSGIServer: Any = waitress.server.TcpWSGIServer
_ErrorTask: Any = waitress.task.ErrorTask
_WSGITask: Any = waitress.task.WSGITask
_Dispatcher: Any = waitress.task.ThreadedTaskDispatcher

MOST_BODY_BYTES: Final = 1024 * 1024
MOST_HEADER_BYTES: Final = 16 * 1024
REQUEST_SECONDS: Final = 15
"""In which a request has to have come."""
IDLE_SECONDS: Final = 75
"""Longer than load balancers keep a connection that nobody uses (60 s), so that they end it and not we."""
_CONNECTIONS: Final = 512
_FLUSH_SECONDS: Final = 2


class _Refusal(_ErrorTask):
    """What the parser refuses, in the words of the contract."""

    def execute(self) -> None:
        error = self.request.error
        problem = Problem(error.code, "bad-request", error.reason, str(error.body))
        body = json.dumps(problem.document("/")).encode()
        self.status = f"{error.code} {error.reason}"
        self.response_headers.append(("Content-Type", CONTENT_TYPE))
        self.set_close_on_finish()
        self.content_length = len(body)
        self.write(body)


class _Response(_WSGITask):
    """Tells callers of a process that stops to make their next call elsewhere.

    After a chunked request the connection is ended, too: one that gives its length as well could have been
    divided otherwise by whoever is before us (RFC 9112, 6.1).
    """

    def build_response_header(self) -> bytes:
        if self.channel.server.is_stopping() or self.request.chunked:
            self.set_close_on_finish()
        return super().build_response_header()


class _Channel(_HTTPChannel):
    task_class = _Response
    error_task_class = _Refusal
    begun_at: float | None = None
    """When the first byte of a request came that is not whole yet."""

    def received(self, data: bytes) -> Any:
        if self.begun_at is None:
            self.begun_at = time.time()
        taken = super().received(data)
        if self.request is None:
            self.begun_at = None
        return taken


class _Server(_TcpWSGIServer):
    channel_class = _Channel
    is_stopping: Callable[[], bool] = staticmethod(lambda: False)

    def maintenance(self, now: float) -> None:
        super().maintenance(now)
        for channel in self.active_channels.values():
            if channel.begun_at is not None and channel.begun_at < now - REQUEST_SECONDS:
                channel.will_close = True


class Listener:
    """Answers on `address`:`port` (0: a free one) from `threads` threads, once started."""

    def __init__(
        self, application: Any, address: str, port: int, threads: int, is_stopping: Callable[[], bool]
    ) -> None:
        limits = _Adjustments(
            host=address,
            port=port,
            threads=threads,
            connection_limit=_CONNECTIONS,
            channel_timeout=IDLE_SECONDS,
            cleanup_interval=1,
            max_request_header_size=MOST_HEADER_BYTES,
            max_request_body_size=MOST_BODY_BYTES,
            inbuf_overflow=2 * MOST_BODY_BYTES,  # never to a file: a pod's disk may be read-only
            asyncore_use_poll=True,
            ident=None,
            log_socket_errors=False,
        )
        self._dispatcher = _Dispatcher()
        self._dispatcher.set_thread_count(threads)
        self._server = _Server(
            application, adj=limits, sockinfo=limits.listen[0], dispatcher=self._dispatcher
        )
        self._server.is_stopping = is_stopping
        self.port = int(self._server.effective_port)

    def start(self) -> None:
        threading.Thread(target=self._server.run, name="listen", daemon=True).start()

    def close(self, seconds: float) -> None:
        """Let calls that are under way end, for at most `seconds`; the process is to end after that."""
        self._dispatcher.shutdown(cancel_pending=True, timeout=seconds)
        ends = time.monotonic() + _FLUSH_SECONDS
        while self._unsent() and time.monotonic() < ends:
            time.sleep(0.01)

    def _unsent(self) -> bool:
        return any(channel.total_outbufs_len for channel in [*self._server.active_channels.values()])
