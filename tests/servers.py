"""Servers of a test's own, on free ports of this machine."""

import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, contextmanager
from http.server import HTTPServer
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import pytest


class Quiet(WSGIRequestHandler):
    def log_message(self, *_: Any) -> None:
        """Nothing: the test's output is the test's."""


class Threaded(ThreadingMixIn, WSGIServer):
    """A caller who connects and says nothing, such as one of whoever had the port before, stops nobody."""

    daemon_threads = True
    block_on_close = False


@contextmanager
def serving(server: HTTPServer) -> Generator[str]:
    """`server` answers until the end of the block; gives its base URL."""
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join(5)
        server.server_close()


@pytest.fixture(name="serve")
def serve_fixture() -> Iterator[Callable[[Any], str]]:
    """Serve a WSGI application on a free port of this machine; gives its base URL."""
    with ExitStack() as servers:

        def start(application: Any) -> str:
            server = make_server("127.0.0.1", 0, application, Threaded, Quiet)
            return f"{servers.enter_context(serving(server))}/v1"

        yield start
