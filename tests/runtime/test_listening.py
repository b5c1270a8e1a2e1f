"""What the server's socket refuses by itself, and the contract over it, beside the one over API Gateway."""

import io
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from agent_runtime.hosts import listening
from agent_runtime.hosts.http import respond
from agent_runtime.hosts.listening import Listener
from agent_runtime.hosts.problems import Problem
from agent_runtime.hosts.reading import RunReader
from agent_runtime.hosts.requests import MAX_REQUEST_BYTES
from agent_runtime.hosts.wsgi import Edge
from tests.faults.pods import request
from tests.runtime.doors import Door

Event = Callable[..., dict[str, Any]]


class Named:
    """Tokens that are their claims."""

    def claims(self, authorization: str) -> dict[str, Any]:
        if not authorization:
            raise Problem(401, "unauthorized", "A token is needed", "send one")
        return json.loads(authorization.removeprefix("Bearer "))


class Stopping:
    def __init__(self) -> None:
        self.value = False

    def __call__(self) -> bool:
        return self.value


@pytest.fixture
def stopping() -> Stopping:
    return Stopping()


@pytest.fixture
def listen(stopping: Stopping) -> Iterator[Callable[[Any], int]]:
    listeners: list[Listener] = []

    def start(application: Any) -> int:
        listener = Listener(application, "127.0.0.1", 0, 2, stopping)
        listener.start()
        listeners.append(listener)
        return listener.port

    yield start
    for listener in listeners:
        listener.close(5)


@pytest.fixture
def port(listen: Callable[[Any], int], stopping: Stopping) -> int:
    """Of an edge with no routes but its probes."""
    return listen(Edge((), Named(), None, lambda: not stopping()))  # type: ignore[arg-type]


def raw(port: int, sent: bytes, seconds: float = 10) -> bytes:
    """Everything that comes back until the server ends the connection."""
    with socket.create_connection(("127.0.0.1", port), timeout=seconds) as connection:
        connection.sendall(sent)
        found = b""
        try:
            while piece := connection.recv(65536):
                found += piece
        except ConnectionResetError:
            pass
    return found


RUN_ID = "0" * 32
CALLS: list[tuple[str, str, Any, dict[str, str]]] = [
    ("GET", "/runs/RUN", None, {}),
    ("GET", "/runs/RUN/", None, {}),
    ("GET", f"/runs/{RUN_ID}", None, {}),
    ("GET", "/runs/nonsense", None, {}),
    ("GET", "/runs/RUN/events", None, {}),
    ("GET", "/runs/RUN/events", None, {"after": "x"}),
    ("GET", "/runs/RUN/events", None, {"after": "000001-000001"}),
    ("POST", "/approvals/RUN.000001", {"decision": "approve"}, {}),
    ("POST", "/approvals/RUN.000001", {"decision": "perhaps"}, {}),
    ("POST", "/approvals/RUN.000001", "no json", {}),
    ("POST", "/approvals/other", {"decision": "approve"}, {}),
    ("POST", "/approvals/RUN.000001", {"decision": "approve", "x": "y" * MAX_REQUEST_BYTES}, {}),
    ("POST", "/runs/RUN/cancel", None, {}),
    ("POST", "/runs/RUN/cancel", None, {}),
    ("DELETE", "/runs/RUN", None, {}),
    ("GET", "/é", None, {}),
]


@pytest.mark.parametrize("claims", [{"tenant": "acme", "sub": "ann"}, {"sub": "stranger"}, {"tenant": "a#b"}])
def test_the_same_calls_get_the_same_answers_as_over_api_gateway(
    door: Door, http_event: Event, listen: Callable[[Any], int], claims: dict[str, str]
) -> None:
    """Two runs that stand the same, one for each way in."""
    ids = [door.post({"input": 1})[1]["run_id"] for _ in range(2)]
    routes = RunReader(door.store).routes()
    port = listen(Edge(routes, Named(), None, lambda: True))  # type: ignore[arg-type]
    for method, path, body, query in CALLS:
        event = http_event(
            method, path.replace("RUN", ids[0]), body, claims=claims, queryStringParameters=query
        )
        over_gateway = respond(event, routes, None)
        asked = "&".join(f"{name}={value}" for name, value in query.items())
        url = f"http://127.0.0.1:{port}{path.replace('RUN', ids[1])}".replace("é", "%C3%A9")
        token = {"authorization": f"Bearer {json.dumps(claims)}"}
        sent = body.encode() if isinstance(body, str) else body
        status, document, headers = request(url + (f"?{asked}" if asked else ""), method, sent, token)
        told = json.loads(json.dumps(document).replace(ids[1], ids[0]))
        assert (status, told) == (over_gateway["statusCode"], json.loads(over_gateway["body"])), path
        assert headers.items() >= over_gateway["headers"].items()


def test_probes_need_no_token_and_everything_else_does(port: int, stopping: Stopping) -> None:
    url = f"http://127.0.0.1:{port}"
    assert request(f"{url}/healthz", "GET", None, {})[:2] == (200, {"status": "ok"})
    assert request(f"{url}/readyz", "GET", None, {})[:2] == (200, {"status": "ready"})
    status, problem, headers = request(f"{url}/runs/{RUN_ID}", "GET", None, {})
    assert (status, problem["title"], headers["www-authenticate"]) == (401, "A token is needed", "Bearer")
    stopping.value = True
    assert request(f"{url}/healthz", "GET", None, {})[0] == 200
    status, body, headers = request(f"{url}/readyz", "GET", None, {})
    assert (status, body, headers["connection"]) == (503, {"status": "stopping"}, "close")


def test_a_fault_of_one_call_is_a_problem_that_tells_nothing_of_it(listen: Any) -> None:
    class Broken(Named):
        def claims(self, authorization: str) -> dict[str, Any]:
            raise RuntimeError("a secret")

    port = listen(Edge((), Broken(), None, lambda: True))  # type: ignore[arg-type]
    for _ in range(3):
        status, problem, _ = request(f"http://127.0.0.1:{port}/runs", "POST", b"{}", {})
        assert (status, problem["detail"]) == (500, "with RuntimeError")


def head(size: int) -> bytes:
    return f"POST /runs HTTP/1.1\r\nHost: x\r\nContent-Length: {size}\r\n\r\n".encode()


def test_a_body_beyond_a_mebibyte_is_refused_before_it_is_read(port: int) -> None:
    answer = raw(port, head(2 * 1024 * 1024))  # and none of the body
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"application/problem+json" in answer
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["status"] == 413


def test_a_chunked_body_has_the_same_limit(port: int) -> None:
    chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
    begun = b"POST /runs HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(begun)
        answer = b""
        try:
            for _ in range(64):
                connection.sendall(chunk)
            answer = connection.recv(65536)
        except (ConnectionResetError, BrokenPipeError):
            pass  # the server had said enough
    assert answer == b"" or answer.startswith(b"HTTP/1.1 413 ")


def test_headers_beyond_their_limit_are_refused(port: int) -> None:
    answer = raw(port, b"GET /runs HTTP/1.1\r\nX: " + b"x" * 20_000 + b"\r\n\r\n")
    assert answer.startswith(b"HTTP/1.0 431 ")
    assert b"application/problem+json" in answer


@pytest.mark.parametrize("sent", [b"nonsense\r\n\r\n", b"GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n"])
def test_what_is_no_request_is_refused_and_its_connection_ended(port: int, sent: bytes) -> None:
    assert raw(port, sent).split()[1] == b"400"


def test_no_second_request_is_taken_from_behind_one_that_could_be_divided_in_two_ways(port: int) -> None:
    smuggled = b"GET /healthz HTTP/1.1\r\n\r\n"
    both = b"POST /runs HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    answer = raw(port, both + smuggled)
    assert answer.count(b"HTTP/1.1 ") == 1
    assert answer.startswith(b"HTTP/1.1 401 ")


@pytest.mark.parametrize("begun", [b"GET /runs HTTP/1.1\r\n", head(1000)])
def test_a_request_that_never_ends_is_ended_however_it_drips(
    listen: Any, monkeypatch: pytest.MonkeyPatch, begun: bytes
) -> None:
    monkeypatch.setattr(listening, "REQUEST_SECONDS", 0.5)
    port = listen(Edge((), Named(), None, lambda: True))  # type: ignore[arg-type]
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(begun)
        connection.settimeout(0.1)
        ends = time.monotonic() + 10
        is_over = False
        while not is_over and time.monotonic() < ends:
            try:
                connection.sendall(b"x")
                is_over = connection.recv(100) == b""
            except TimeoutError:
                continue
            except (ConnectionResetError, BrokenPipeError):
                is_over = True
    assert is_over


def test_slow_callers_keep_nobody_else_waiting(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """More of them than there are threads, and none is sent away."""
    monkeypatch.setattr(listening, "REQUEST_SECONDS", 3600)
    waiting = [socket.create_connection(("127.0.0.1", port)) for _ in range(20)]
    for connection in waiting:
        connection.sendall(head(100) + b"x")
    assert request(f"http://127.0.0.1:{port}/healthz", "GET", None, {})[0] == 200
    for connection in waiting:
        connection.close()


def test_the_call_that_is_under_way_is_answered_before_the_listener_is_closed(stopping: Stopping) -> None:
    def slow(_environ: Any, start_response: Any) -> list[bytes]:
        began.set()
        time.sleep(0.5)
        start_response("200 OK", [("content-type", "application/json")])
        return [b"{}"]

    began = threading.Event()
    listener = Listener(slow, "127.0.0.1", 0, 2, stopping)
    listener.start()
    with socket.create_connection(("127.0.0.1", listener.port), timeout=10) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert began.wait(5)
        listener.close(5)
        found = io.BytesIO()
        while piece := connection.recv(1000):
            found.write(piece)
    assert found.getvalue().startswith(b"HTTP/1.1 200 OK")
