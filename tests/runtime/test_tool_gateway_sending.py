"""What a gateway's call leaves behind that failed before, while or after it was sent."""

import socket
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    ConnectTimeoutError,
    NoCredentialsError,
    ReadTimeoutError,
)

from agent_runtime.gateway.answers import Answers, Claim
from agent_runtime.hosts.problems import Problem
from tests.runtime.tool_gateway_world import AGENT, GatewayWorld, rules

KIND = "urn:agent-hosting:problem:"


@pytest.fixture
def world(aws: Any, serve: Callable[[Any], str], http_event: Any) -> GatewayWorld:
    return GatewayWorld(aws, serve, http_event)


class Failing:
    """A client of AWS that fails as it is told before it lets a call through."""

    def __init__(self, client: Any, *errors: BaseException) -> None:
        self._client, self.errors = client, list(errors)

    def __getattr__(self, name: str) -> Any:
        def call(**given: Any) -> Any:
            if self.errors:
                raise self.errors.pop(0)
            return getattr(self._client, name)(**given)

        return call


def refusal(code: str, status: int) -> ClientError:
    response: Any = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(response, "Any")


def keyed(world: GatewayWorld) -> tuple[int, str]:
    status, body = world.post("keyed-act", {"a": 1}, idempotency_key="k")
    return status, body.get("type", "").removeprefix(KIND)


def without_secrets(world: GatewayWorld, *errors: BaseException) -> None:
    world.aws.secretsmanager = Failing(world.aws.secretsmanager, *errors)
    world.host = world.made(rules(world.url))


@pytest.mark.parametrize("later_seconds", [0, 30])
@pytest.mark.parametrize("error", [refusal("ThrottlingException", 400), RuntimeError("unforeseen")])
def test_what_failed_before_it_was_sent_is_never_in_doubt(
    world: GatewayWorld, error: Exception, later_seconds: int
) -> None:
    without_secrets(world, error)
    if isinstance(error, ClientError):
        assert keyed(world) == (503, "state-unavailable")
    else:
        with pytest.raises(RuntimeError):
            keyed(world)
    assert world.reached == 0
    world.aws.clock.now += later_seconds
    assert keyed(world) == (200, "")
    assert world.reached == 1


def test_a_gateway_that_died_before_it_sent_is_followed_by_another(world: GatewayWorld) -> None:
    without_secrets(world, SystemExit())
    with pytest.raises(SystemExit):
        keyed(world)
    assert keyed(world) == (409, "call-in-progress")
    world.aws.clock.now += 30
    assert keyed(world) == (200, "")
    assert world.reached == 1


def test_a_gateway_that_died_after_it_sent_leaves_a_doubt(world: GatewayWorld) -> None:
    invoke = world.functions.invoke

    def invoke_and_die(**given: Any) -> Any:
        invoke(**given)
        raise SystemExit

    world.functions.invoke = invoke_and_die  # type: ignore[method-assign]
    headers = {"agent-user-token": "t"}
    with pytest.raises(SystemExit):
        world.post("own", idempotency_key="k", headers=headers)
    world.aws.clock.now += 30
    assert world.post("own", idempotency_key="k", headers=headers)[1]["type"] == KIND + "in-doubt"
    assert world.reached == 1


@pytest.mark.parametrize(
    ("error", "may_have_acted"),
    [
        (refusal("TooManyRequestsException", 429), False),
        (refusal("EC2ThrottledException", 502), False),
        (ConnectTimeoutError(endpoint_url="https://lambda"), False),
        (NoCredentialsError(), False),
        (refusal("ServiceException", 500), True),
        (ReadTimeoutError(endpoint_url="https://lambda"), True),
        (ConnectionClosedError(endpoint_url="https://lambda"), True),
    ],
)
def test_a_function_that_was_not_called_may_be_called_again(
    world: GatewayWorld, error: Exception, may_have_acted: bool
) -> None:
    functions: Any = Failing(world.functions, error)
    world.functions, held = functions, world.functions
    given: dict[str, Any] = {"idempotency_key": "k", "headers": {"agent-user-token": "t"}}
    assert world.post("own", **given)[0] in (503, 504)
    status, body = world.post("own", **given)
    if may_have_acted:
        assert (status, body["type"]) == (409, KIND + "in-doubt")
    else:
        assert status == 200
    assert len(held.events) == int(not may_have_acted)


def test_a_server_that_takes_no_connection_has_got_nothing(world: GatewayWorld) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))  # and does not listen
        world.host = world.made(rules(f"http://127.0.0.1:{silent.getsockname()[1]}/v1"))
        for _ in "ab":
            status, body = world.post("note", idempotency_key="k")
            assert (status, body["type"]) == (503, KIND + "tool-unavailable")


def test_a_key_that_no_header_may_have_reaches_nothing_and_is_in_no_doubt(world: GatewayWorld) -> None:
    for _ in "ab":
        status, body = world.post("note", idempotency_key="ключ")
        assert (status, body["type"]) == (502, KIND + "tool-failed")
    assert world.reached == 0


def test_a_secret_that_no_header_may_have_is_not_shown(
    world: GatewayWorld, caplog: pytest.LogCaptureFixture
) -> None:
    arn = world.aws.secret_arn
    world.aws.secretsmanager.put_secret_value(SecretId=arn, SecretString="half\nof-a-secret")
    status, body = world.post("keyed-act", idempotency_key="k")
    assert (status, body["type"]) == (502, KIND + "tool-failed")
    assert world.reached == 0
    assert "of-a-secret" not in repr(body) + caplog.text + repr(world.lines)


def begun(answers: Answers) -> Claim:
    claim = answers.begin(AGENT, "acme", "note", "k", {}, seconds=20, repeatable=False)
    assert isinstance(claim, Claim)
    return claim


def test_whoever_was_too_slow_to_send_does_not_send_any_more(world: GatewayWorld) -> None:
    answers = Answers(world.table, 30, world.aws.clock)
    slow = begun(answers)
    world.aws.clock.now += 30
    quick = begun(answers)
    with pytest.raises(Problem) as refused:
        answers.sends(slow, 20)
    assert refused.value.kind == "call-in-progress"
    answers.free(slow)  # which is not its own any more
    answers.sends(quick, 20)
    answers.sends(quick, 20)  # as where the first answer was lost
    with pytest.raises(Problem):
        begun(answers)


def test_a_claim_that_is_sent_while_another_takes_it_over_is_not_taken_over(
    world: GatewayWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = Answers(world.table, 30, world.aws.clock)
    slow = begun(answers)
    world.aws.clock.now += 30
    put = world.table.put

    def put_and_be_late(*given: Any) -> Any:
        found = put(*given)
        answers.sends(slow, 20)
        return found

    monkeypatch.setattr(world.table, "put", put_and_be_late)
    with pytest.raises(Problem) as refused:
        begun(answers)
    assert refused.value.kind == "call-in-progress"
