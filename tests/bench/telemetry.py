"""What traces cost a run: steps with and without spans, which go to a collector on this machine, redacted."""

import itertools
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from agent_runtime.bundle import Bundle, ModelSpec
from agent_runtime.records import RunRequest, RunStatus
from agent_runtime.run import Run
from agent_runtime.runner import Runner
from agent_runtime.telemetry.exporting import spans_of
from agent_runtime.telemetry.spec import ObserveSpec, TracesSpec
from tests.bench.rows import paired
from tests.runtime.pretended import Aws, pretended_aws
from tests.runtime.stores import _moto_client

_ROUNDS = 7
_STEPS = 40


def rows() -> list[dict[str, Any]]:
    """One row: a run's time with spans beside the same run without."""
    numbers = itertools.count()
    with pretended_aws(_moto_client()) as aws, _collector() as address:
        bundle = _bundle()
        observe = ObserveSpec(traces=TracesSpec(endpoint=address))
        assert observe.traces is not None
        spans = spans_of(
            observe,
            observe.traces,
            aws.secrets(),
            agent="answers",
            bundle_id=bundle.bundle_id,
            environment="",
        )
        plain, traced = (aws.runner(_agent, None, bundle), aws.runner(_agent, None, bundle, spans=spans))
        for runner in (plain, traced):  # both have done everything once
            _timed(aws, runner, next(numbers))
        pairs = [
            (_timed(aws, traced, next(numbers)), _timed(aws, plain, next(numbers))) for _ in range(_ROUNDS)
        ]
        spans.flush(10)
        spans.provider.shutdown()
    return [paired(f"a run of {_STEPS} steps with spans, beside one without", pairs, 1.25, "s")]


def _agent(run: Run) -> dict[str, Any]:
    for number in range(_STEPS):
        run.step(f"step-{number}", lambda: {"text": "x" * 400})
    return {}


def _timed(aws: Aws, runner: Runner, number: int) -> float:
    request = RunRequest(f"{number:032x}", "acme", {})
    began = time.perf_counter()
    outcome = runner.run(request, lease_seconds=60, remaining_seconds=lambda: 60)
    took = time.perf_counter() - began
    assert outcome.status is RunStatus.DONE
    return took


def _bundle() -> Bundle:
    model = ModelSpec(
        provider="openai", name="embedded-v1", input_usd_per_million_tokens=1, output_usd_per_million_tokens=1
    )
    return Bundle(
        entrypoint="agent:answer",
        model=model,
        prompts={},
        code={"agent.py": "0" * 64},
        max_steps=_STEPS,
        max_model_calls=1,
        runtime_fingerprint="bench",
    )


@contextmanager
def _collector() -> Iterator[str]:
    """Address of a server that takes whatever it is sent."""

    class Taker(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nobody reads it."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Taker)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1/traces"
    finally:
        server.shutdown()
        server.server_close()
