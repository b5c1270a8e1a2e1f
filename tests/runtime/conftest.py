"""What the runtime's tests share: moto's AWS, a clock that only moves when told, and a client that loses
answers.
"""

import json
import logging
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest

from agent_runtime.bundle import Bundle, ModelSpec
from agent_runtime.models.client import Completion, ModelRequest
from tests.runtime.doors import Door
from tests.runtime.durable import Durable
from tests.runtime.faulty import FaultyClient
from tests.runtime.lambdas import Api
from tests.runtime.pretended import Aws, pretended_aws
from tests.runtime.stores import dynamodb_fixture, dynamodb_local_fixture  # noqa: F401
from tests.servers import serve_fixture  # noqa: F401


class ScriptedModel:
    """A provider that answers from a list, each answer a text, a `Completion` or an error to raise."""

    def __init__(self) -> None:
        self.answers: list[str | Completion | Exception] = []
        self.requests: list[ModelRequest] = []

    def complete(self, _spec: ModelSpec, request: ModelRequest) -> Completion:
        self.requests.append(request)
        answer = self.answers.pop(0) if self.answers else "an answer"
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, Completion) else Completion(answer, 100, 10)


@pytest.fixture(autouse=True)
def _untouched_logging() -> Iterator[None]:
    """A host that starts takes loggers for itself; the next test gets them back as they were."""
    loggers = [logging.getLogger(name) for name in ("", "agent_runtime", "opentelemetry")]
    before = [(logger.level, logger.propagate, logger.handlers[:]) for logger in loggers]
    yield
    for logger, (level, propagate, handlers) in zip(loggers, before, strict=True):
        logger.setLevel(level)
        logger.propagate, logger.handlers = propagate, handlers


@pytest.fixture
def aws(dynamodb: Any) -> Iterator[Aws]:
    with pretended_aws(dynamodb) as pretended:
        yield pretended


@pytest.fixture
def fresh_aws(dynamodb: Any) -> Callable[[], Any]:
    """For a state machine, which needs a new AWS for each of its many lives."""
    return partial(pretended_aws, dynamodb)


@pytest.fixture
def faulty(aws: Aws) -> FaultyClient:
    return FaultyClient(aws.dynamodb)


@pytest.fixture
def model() -> ScriptedModel:
    return ScriptedModel()


@pytest.fixture
def durable(aws: Aws, faulty: FaultyClient, model: ScriptedModel, make_bundle: Any) -> Durable:
    return Durable(aws, faulty, model, make_bundle)


@pytest.fixture
def make_bundle() -> Callable[..., Bundle]:
    def make(**changes: Any) -> Bundle:
        spec = ModelSpec(
            provider="openai",
            name="embedded-v1",
            input_usd_per_million_tokens=1.0,
            output_usd_per_million_tokens=10.0,
            api_key_secret="model-api-key",
        )
        values: dict[str, Any] = {
            "entrypoint": "agent:answer",
            "model": spec,
            "prompts": {},
            "code": {"agent.py": "0" * 64},
            "secrets": ("model-api-key",),
            "max_steps": 10,
            "max_model_calls": 3,
            "runtime_fingerprint": "test",
        }
        return Bundle(**(values | changes))

    return make


@pytest.fixture
def http_event() -> Callable[..., dict[str, Any]]:
    """An API Gateway event of payload format 2.0, from tenant `acme` unless told otherwise."""

    def make(
        method: str = "POST",
        path: str = "/runs",
        body: Any = None,
        claims: dict[str, str] | None = None,
        headers: dict[str, str] | None = None,
        **more: Any,
    ) -> dict[str, Any]:
        text = body if isinstance(body, str) or body is None else json.dumps(body)
        return {
            "version": "2.0",
            "rawPath": path,
            "headers": headers or {},
            "body": text,
            "isBase64Encoded": False,
            "requestContext": {
                "stage": "$default",
                "http": {"method": method, "path": path},
                "authorizer": {"jwt": {"claims": {"tenant": "acme"} if claims is None else claims}},
            },
        } | more

    return make


@pytest.fixture
def door(aws: Aws, http_event: Callable[..., dict[str, Any]]) -> Door:
    made = Door(aws, http_event)
    made.set_traffic()
    return made


@pytest.fixture
def api(aws: Any, model: Any, make_bundle: Callable[..., Bundle]) -> Api:
    return Api(aws, model, make_bundle())
