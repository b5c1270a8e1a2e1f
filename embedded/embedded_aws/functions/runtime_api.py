"""The Lambda Runtime API for one process: hands over one request at a time and takes its outcome.

https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html. Each process has a port of its own, since the
runtime client takes a host and a port and no path.
"""

import json
import re
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from embedded_aws.functions.outcomes import Exited, Failed, Outcome, Request, Responded

_ROOT = "/2018-06-01/runtime"
_OUTCOME = re.compile(rf"{_ROOT}/invocation/([^/]+)/(response|error)")


class RuntimeApi:
    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._waiting = False
        self._offered: tuple[Request, float] | None = None
        self._taken: str | None = None
        self._outcome: Outcome | None = None
        self._returncode: int | None = None
        self._closed = False
        self._server = _Server(("127.0.0.1", 0), _handler(self))
        self._thread = threading.Thread(target=self._serve, name="lambda-runtime-api", daemon=True)
        self._thread.start()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._server.server_port}"

    def wait_until_ready(self, seconds: float) -> bool:
        """True once the process asks for work; also returns when it ended or failed to start."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._current() is not None, seconds)
            return self._waiting

    def offer(self, request: Request, deadline: float) -> None:
        """Hands `request` to the process, if it lives. `deadline` is in seconds since 1970."""
        with self._changed:
            if self._current() is None:
                self._offered = (request, deadline)
                self._changed.notify_all()

    def outcome(self, seconds: float) -> Outcome | None:
        """Waits for the outcome, at most `seconds`."""
        with self._changed:
            self._changed.wait_for(lambda: self._current() is not None, seconds)
            return self._current()

    def settle(self, outcome: Outcome) -> Outcome:
        """Sets the outcome unless there is one: the first to say how a run ended is right."""
        with self._changed:
            self._outcome = self._current() or outcome
            self._changed.notify_all()
            return self._outcome

    def ended(self, returncode: int) -> None:
        """The process is gone, and stays gone for the requests to come."""
        with self._changed:
            self._returncode = returncode
            self._changed.notify_all()

    def clear(self) -> None:
        """Makes room for the next request."""
        with self._changed:
            self._taken = self._outcome = self._offered = None

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        # `handle_request` blocks without a timeout, so that an idle function costs no wake-ups.
        with socket.create_connection(("127.0.0.1", self._server.server_port)):
            self._thread.join()
        self._server.server_close()

    def next(self) -> tuple[Request, float] | None:
        with self._changed:
            self._waiting = True
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._offered is not None or self._closed)
            self._waiting = False
            offered, self._offered = self._offered, None
            if offered is not None:
                self._taken = offered[0].id
            return None if self._closed else offered

    def finish(self, request_id: str, outcome: Outcome) -> bool:
        with self._changed:
            if request_id != self._taken:
                return False
        self.settle(outcome)
        return True

    def _current(self) -> Outcome | None:
        if self._outcome is None and self._returncode is not None:
            return Exited(self._returncode, request_was_taken=self._taken is not None)
        return self._outcome

    def _serve(self) -> None:
        while not self._closed:
            self._server.handle_request()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A killed process drops its connection: that is no error of ours."""


def _handler(api: RuntimeApi) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            if self.path != f"{_ROOT}/invocation/next":
                return self._answer(404)
            offered = api.next()
            if offered is None:
                self.close_connection = True
                return None
            request, deadline = offered
            headers = {
                "Content-Type": "application/json",
                "Lambda-Runtime-Aws-Request-Id": request.id,
                "Lambda-Runtime-Deadline-Ms": str(int(deadline * 1000)),
                "Lambda-Runtime-Invoked-Function-Arn": request.invoked_arn,
                "Lambda-Runtime-Trace-Id": request.trace_id,
            }
            return self._answer(200, request.payload, headers)

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if self.path == f"{_ROOT}/init/error":
                api.settle(Failed(body, during_init=True))
                return self._answer(202, b'{"status":"OK"}')
            found = _OUTCOME.fullmatch(self.path)
            if found is None:
                return self._answer(404)
            outcome = Responded(body) if found[2] == "response" else Failed(body)
            known = api.finish(found[1], outcome)
            return self._answer(202, b'{"status":"OK"}') if known else self._answer(400, _UNKNOWN_REQUEST)

        def _answer(self, status: int, body: bytes = b"", headers: dict[str, str] | None = None) -> None:
            self.send_response(status)
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 the name in the base
            """The function's own log is the one that matters."""

    return Handler


_UNKNOWN_REQUEST = json.dumps(
    {"errorType": "InvalidRequestID", "errorMessage": "Invalid request ID"}
).encode()
