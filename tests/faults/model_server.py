"""A model's server of a world's own: it does as it is told, and remembers what it was paid for."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from agent_runtime.model_spec import ModelSpec
from agent_runtime.spend.caps import nanos
from tests.servers import serving

MODEL = ModelSpec(
    provider="openai",
    name="embedded-v1",
    input_usd_per_million_tokens=1.0,
    output_usd_per_million_tokens=10.0,
    max_output_tokens=10,
    api_key_secret="model-api-key",
)
ANSWER = "an answer"
_USAGE = {"prompt_tokens": 10, "completion_tokens": 10}
CALL_USD = MODEL.cost_usd(*_USAGE.values())
"""What each answer costs: little less than what is reserved for it."""
RESERVED_USD = MODEL.most_usd(17, MODEL.max_output_tokens)
"""What is reserved for a call of one word."""


class ModelServer(ThreadingHTTPServer):
    """An OpenAI-compatible server; `mode` is ok, down, garbage, throttled or busy: then it throttles one
    request in three."""

    daemon_threads = True
    mode = "ok"
    key = ""
    """The only key that counts; empty for any."""
    calls = answers = 0
    """Requests, and those that were answered and so have to be paid."""

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"

    @property
    def paid(self) -> int:
        """What the answers cost, in billionths of a dollar."""
        return self.answers * nanos(CALL_USD)


class _Handler(BaseHTTPRequestHandler):
    server: ModelServer
    _counting = threading.Lock()

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        with self._counting:
            self.server.calls += 1
            mode = self.server.mode
            if mode == "busy":
                mode = "throttled" if self.server.calls % 3 == 1 else "ok"
        key = self.server.key
        is_known = not key or self.headers["authorization"] == f"Bearer {key}"
        status = {"ok": 200 if is_known else 401, "down": 500, "garbage": 200, "throttled": 429}[mode]
        with self._counting:
            self.server.answers += status == 200 and mode == "ok"
        answer = {"choices": [{"message": {"content": ANSWER}}], "usage": _USAGE}
        body = b"<html>" if mode == "garbage" else json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Nothing: the test's output is the test's."""


@contextmanager
def model_server() -> Iterator[ModelServer]:
    """One that answers until the end of the block."""
    server = ModelServer(("127.0.0.1", 0), _Handler)
    with serving(server):
        yield server
