"""An agent's process asks its gateway, as the gateway's own host answers."""

from collections.abc import Callable
from typing import Any

import pytest

from agent_runtime.secrets import SecretReader, SecretValue
from agent_runtime.tools.gateway_client import UNREACHED, GatewayClient, from_environment
from agent_runtime.tools.workload import WorkloadTokens
from tests.runtime.test_tool_gateway_mcp import Door
from tests.runtime.tool_gateway_world import USER_TOKEN, GatewayWorld


class Tokens(WorkloadTokens):
    """Each that was refused is followed by another."""

    def __init__(self) -> None:
        super().__init__("http://127.0.0.1:1", "client", SecretReader(None, {}))  # type: ignore[arg-type]
        self.given = 0

    def token(self, *, refused: SecretValue | None = None) -> SecretValue:
        self.given += refused is not None
        return SecretValue(f"token-{self.given}")


@pytest.fixture
def world(aws: Any, serve: Callable[[Any], str], http_event: Any) -> GatewayWorld:
    return GatewayWorld(aws, serve, http_event)


@pytest.fixture
def client(world: GatewayWorld, serve: Callable[[Any], str], http_event: Any) -> GatewayClient:
    door = Door(world, http_event)

    def behind_tokens(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        if environ["HTTP_AUTHORIZATION"] == "Bearer token-0":
            start_response("401 Unauthorized", [("content-type", "application/json")])
            return [b'{"message":"Unauthorized"}']
        return door(environ, start_response)

    return GatewayClient(serve(behind_tokens), Tokens())


def test_a_call_comes_back_with_its_result_after_a_token_that_had_expired(
    world: GatewayWorld, client: GatewayClient
) -> None:
    answer = client.call("lookup", {"order": "AB-1"}, run_id=world.run_id, tenant="acme")
    assert (answer.status, answer.result, answer.kind) == (200, {"found": True}, "")
    assert world.reached == 1


def test_a_refusal_says_its_kind_and_whether_it_may_pass(world: GatewayWorld, client: GatewayClient) -> None:
    here: dict[str, Any] = {"run_id": world.run_id, "tenant": "acme"}
    for tool, given, kind, may_pass in (
        ("lookup", {"order": 1}, "arguments-refused", False),
        ("no/such", {}, "unknown-tool", False),
        ("refund", {"order": "AB-1"}, "bad-request", False),
    ):
        answer = client.call(tool, given, **here)
        assert (answer.kind.removeprefix("not-found") or "unknown-tool", answer.may_pass) == (kind, may_pass)
    for _ in range(2):
        client.call("rare", {}, **here)
    limited = client.call("rare", {}, **here)
    assert (limited.kind, limited.may_pass) == ("rate-limited", True)
    assert limited.retry_after_seconds


def test_the_users_token_goes_along(world: GatewayWorld, client: GatewayClient) -> None:
    token = SecretValue(USER_TOKEN)
    assert client.call("mine", {}, run_id=world.run_id, tenant="acme", user_token=token).status == 200
    assert world.tools.asked[0][1]["authorization"] == f"Bearer {USER_TOKEN}"


def test_a_gateway_that_does_not_answer_may_be_asked_again() -> None:
    answer = GatewayClient("http://127.0.0.1:1", Tokens()).call("a", {}, run_id="r", tenant="acme", seconds=1)
    assert (answer.kind, answer.may_pass) == (UNREACHED, True)


def test_a_process_without_a_gateway_has_no_client() -> None:
    asked: list[tuple[str, ...]] = []

    def tokens(*given: str) -> WorkloadTokens:
        asked.append(given)
        return Tokens()

    assert from_environment({}, tokens) is None
    environ = {"AGENT_TOOL_GATEWAY": "https://tools", "AGENT_TOOL_GATEWAY_CLIENT": "c"}
    assert from_environment(environ, tokens) is not None
    assert asked == [("", "c", "", "")]
