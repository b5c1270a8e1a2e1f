"""Tools behind the gateway, called over HTTP on a port of this machine."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from agent_runtime.errors import (
    ToolError,
    ToolFailed,
    ToolGatewayUnavailable,
    ToolRefused,
    ToolThrottled,
    ToolUnavailable,
)
from agent_runtime.run import Run
from agent_runtime.secrets import SecretValue
from agent_runtime.tool_spec import ToolSpec
from agent_runtime.tools.calling import ToolCall
from agent_runtime.tools.gateway import ATTEMPTS, MOST_RESULT_BYTES, GatewayClient
from tests.runtime.durable import RUN, Durable

SPEC = ToolSpec(name="send", destination="gateway", timeout_seconds=1)
DONE = ("200 OK", {"result": {"sent": True}}, {})
Answer = tuple[str, Any, dict[str, str]]


def problem(status: str, kind: str, detail: str = "because", **headers: str) -> Answer:
    document = {"type": f"urn:agent-hosting:problem:{kind}", "title": "No", "detail": detail}
    return (status, document, {name.replace("_", "-"): value for name, value in headers.items()})


class Gateway:
    """Answers from a list, the last one for ever; `None` breaks the connection off."""

    def __init__(self) -> None:
        self.answers: list[Answer | None] = [DONE]
        self.requests: list[dict[str, Any]] = []
        self.tokens: list[str] = []
        self.user_tokens: list[str | None] = []
        self.paths: list[str] = []

    def __call__(self, environ: dict[str, Any], start_response: Any) -> list[bytes]:
        self.requests.append(json.loads(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))))
        self.tokens.append(environ["HTTP_AUTHORIZATION"])
        self.user_tokens.append(environ.get("HTTP_AGENT_USER_TOKEN"))
        self.paths.append(environ["PATH_INFO"])
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if answer is None:
            start_response("200 OK", [("content-length", "1000")])  # which never come
            return [b"{"]
        status, document, headers = answer
        start_response(status, list(headers.items()))
        return [document if isinstance(document, bytes) else json.dumps(document).encode()]


class Tokens:
    def __init__(self) -> None:
        self.refused: list[str] = []

    def token(self, *, refused: SecretValue | None = None) -> SecretValue:
        if refused is not None:
            self.refused.append(refused.reveal())
        return SecretValue(f"token-{len(self.refused)}")


class World:
    def __init__(self, serve: Callable[[Any], str]) -> None:
        self.gateway, self.tokens = Gateway(), Tokens()
        self.client = GatewayClient(serve(self.gateway), self.tokens, jitter=lambda: 1.0)
        self.pauses: list[float] = []
        self.retries = 10

    def pause(self, seconds: float) -> bool:
        self.pauses.append(seconds)
        self.retries -= 1
        return self.retries >= 0

    def call(self, *answers: Answer | None) -> Any:
        self.gateway.answers = list(answers) or [DONE]
        call = ToolCall(SPEC, {"to": "ann"}, RUN, "acme", "000001", "k" * 32, "000001", self.pause)
        return self.client.call(call)

    def error(self, *answers: Answer | None) -> ToolError:
        with pytest.raises(ToolError) as raised:
            self.call(*answers)
        return raised.value


@pytest.fixture
def world(serve: Callable[[Any], str]) -> World:
    return World(serve)


def test_the_users_token_goes_in_a_header_of_its_own_and_is_shown_nowhere(world: World) -> None:
    token = SecretValue("users-own-4711")
    call = ToolCall(SPEC, {}, RUN, "acme", "000001", "k", None, world.pause, token)
    assert "users-own" not in repr(call)
    assert world.client.call(call) == {"sent": True}
    assert world.gateway.user_tokens == ["users-own-4711"]
    world.call()
    assert world.gateway.user_tokens == ["users-own-4711", None]


def test_a_call_names_its_run_its_key_and_its_approval(world: World) -> None:
    assert world.call() == {"sent": True}
    assert world.gateway.paths == ["/v1/tools/send"]
    assert world.gateway.tokens == ["Bearer token-0"]
    assert world.gateway.requests == [
        {
            "arguments": {"to": "ann"},
            "run_id": RUN,
            "tenant": "acme",
            "step": "000001",
            "idempotency_key": "k" * 32,
            "approval": "000001",
        }
    ]


@pytest.mark.parametrize(
    "first",
    [
        problem("503 Unavailable", "tool-unavailable"),
        problem("504 Timeout", "tool-timeout"),
        problem("429 Slow down", "rate-limited"),
        problem("409 Conflict", "call-in-progress", retry_after="1"),
        ("500 Broken", b"<html>", {}),
        None,
    ],
)
def test_what_passes_is_tried_again_with_the_same_key(world: World, first: Answer | None) -> None:
    assert world.call(first, DONE) == {"sent": True}
    assert len({request["idempotency_key"] for request in world.gateway.requests}) == 1
    assert len(world.gateway.requests) == 2


def test_who_is_held_to_a_rate_is_told_so_and_not_that_the_tool_is_down(world: World) -> None:
    assert isinstance(world.error(problem("429 Slow down", "rate-limited")), ToolThrottled)
    assert not isinstance(world.error(problem("503 Down", "tool-unavailable")), ToolThrottled)


def test_a_gateway_that_says_when_is_not_asked_before(world: World) -> None:
    world.call(problem("429 Slow down", "rate-limited", retry_after="7"), DONE)
    assert world.pauses == [7.0]


def test_tries_end_with_their_number_or_with_the_runs_retries(world: World) -> None:
    assert isinstance(world.error(problem("503 Down", "tool-unavailable")), ToolUnavailable)
    assert len(world.gateway.requests) == ATTEMPTS
    assert world.pauses == [0.5, 1.0, 2.0]
    world.retries = 0
    world.error(problem("503 Down", "tool-unavailable"))
    assert len(world.gateway.requests) == ATTEMPTS + 1


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (problem("400 Bad", "arguments-refused"), ToolRefused),
        (problem("403 Forbidden", "tenant-refused"), ToolRefused),
        (problem("403 Forbidden", "approval-needed"), ToolRefused),
        (problem("404 Not found", "unknown-tool"), ToolRefused),
        (problem("413 Large", "too-large"), ToolRefused),
        (problem("409 Conflict", "idempotency-mismatch"), ToolRefused),
        (problem("409 Conflict", "in-doubt"), ToolFailed),
        (problem("502 Bad gateway", "tool-failed"), ToolFailed),
        (("302 Found", {}, {"location": "http://127.0.0.1:9/"}), ToolRefused),
        (("200 OK", b"not json", {}), ToolFailed),
        (("200 OK", [1], {}), ToolFailed),
        (("200 OK", b'"' + b"x" * (MOST_RESULT_BYTES + 1) + b'"', {}), ToolFailed),
    ],
)
def test_what_does_not_pass_is_told_at_once(world: World, answer: Answer, kind: type[ToolError]) -> None:
    assert isinstance(world.error(answer), kind)
    assert len(world.gateway.requests) == 1


def test_a_token_that_is_refused_is_fetched_anew_once(world: World) -> None:
    assert world.call(problem("401 No", "unauthorized"), DONE) == {"sent": True}
    assert world.gateway.tokens == ["Bearer token-0", "Bearer token-1"]
    world.gateway.requests.clear()
    refusal = world.error(problem("401 No", "unauthorized"))
    assert isinstance(refusal, ToolRefused)
    assert "token-" not in str(refusal)
    assert len(world.gateway.requests) == 2


def test_a_gateway_that_is_not_there_is_unavailable() -> None:
    client = GatewayClient("http://127.0.0.1:1", Tokens())
    with pytest.raises(ToolUnavailable, match="no answer"):
        client.call(ToolCall(SPEC, {}, RUN, "acme", "000001", "k"))
    assert issubclass(ToolGatewayUnavailable, ToolUnavailable)


def test_a_run_calls_a_tool_that_acts_by_the_gateway_once(world: World, durable: Durable) -> None:
    durable.bundle = durable.make_bundle(tools=(SPEC,))
    durable.extras = {"tools": ("send",), "gateway": world.client}
    world.gateway.answers = [problem("503 Down", "tool-unavailable"), DONE]

    def agent(run: Run) -> Any:
        return {"x": run.tool("send", to="ann")}

    for _ in range(2):
        assert durable.result(agent) == {"x": {"sent": True}}
    assert len(world.gateway.requests) == 2
    assert len(durable.pauses) == 1
    assert world.gateway.requests[0]["step"] == "000001"
