"""A host on Lambda to call, and what it wrote."""

import io
import json
from collections.abc import Callable
from typing import Any

from agent_runtime.bundle import Bundle
from agent_runtime.hosts.lambda_ import LambdaHost
from agent_runtime.hosts.pinned import Pins
from agent_runtime.run import Run
from agent_runtime.samples import Sampler, SampleStore
from agent_runtime.telemetry.spans import NO_SPANS, Spans
from agent_runtime.tools.calling import Gateway
from tests.runtime.pretended import CONTROL

Event = Callable[..., dict[str, Any]]


class Context:
    """Lambda's context with the time it has left."""

    def __init__(self, milliseconds: int = 30_000) -> None:
        self.milliseconds = milliseconds

    def get_remaining_time_in_millis(self) -> int:
        return self.milliseconds


def answer(run: Run) -> dict[str, Any]:
    found = run.step("find", lambda: ["a"])
    reply = run.model(name="answer", messages=[{"role": "user", "content": run.input["question"]}])
    return {"answer": reply.text, "found": found}


class Api:
    """A host to call, and what it wrote."""

    def __init__(self, aws: Any, model: Any, bundle: Bundle) -> None:
        self.aws, self.model, self.bundle = aws, model, bundle
        self.agent: Callable[[Run], Any] = answer
        self.metrics = io.StringIO()
        self.context = Context()
        self.tenants: frozenset[str] | None = None
        self.sample_basis_points = 0
        self.caps: dict[str, Any] | None = None
        self.environ: dict[str, str] = {}
        self.spans: Spans = NO_SPANS
        self.gateway: Gateway | None = None

    def __call__(self, event: dict[str, Any]) -> tuple[int, dict[str, Any], dict[str, str]]:
        reply = self.raw(event)
        return reply["statusCode"], json.loads(reply["body"]), reply["headers"]

    def raw(self, event: dict[str, Any]) -> dict[str, Any]:
        host = LambdaHost(
            self.aws.runner(
                lambda run: self.agent(run),
                self.model,
                self.bundle,
                caps=self.caps,
                spans=self.spans,
                gateway=self.gateway,
            ),
            self.aws.store(),
            agent="answers",
            bundle_id=self.bundle.bundle_id,
            turn_timeout_seconds=29,
            metrics=self.metrics,
            sampler=Sampler(SampleStore(self.aws.store().table, "answers"), self.sample_basis_points),
            pins=Pins(self.aws.store(), self.aws.dynamodb, CONTROL, self.bundle.bundle_id),
            tenants=self.tenants,
            clock=self.aws.clock,
            now=self.aws.clock,
            environ=self.environ,
        )
        return host.handle(event, self.context)

    def metric_lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.metrics.getvalue().splitlines()]
