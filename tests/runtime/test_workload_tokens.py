"""The agent's own token for its tool gateway, from an issuer as the embedded cloud has one."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from joserfc import jwt

from agent_runtime.errors import ToolGatewayUnavailable
from agent_runtime.secrets import SecretReader
from agent_runtime.tools.workload import WorkloadTokens
from embedded_aws.http_apis.issuer import CLIENT_SECRET, Issuer


class Endpoint:
    """The issuer's token endpoint; `answer` replaces what it says."""

    def __init__(self, folder: Path) -> None:
        self.issuer = Issuer("http://127.0.0.1:1", folder / "key.pem")
        self.asked = 0
        self.answer: tuple[str, bytes] | None = None

    def __call__(self, environ: dict[str, Any], start_response: Any) -> list[bytes]:
        self.asked += 1
        body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
        status, document = self.issuer.workload_token(environ.get("HTTP_AUTHORIZATION", ""), body)
        status, text = self.answer or (status, json.dumps(document).encode())
        start_response(status, [("content-type", "application/json")])
        return [text]


@pytest.fixture
def endpoint(tmp_path: Path) -> Endpoint:
    return Endpoint(tmp_path)


@pytest.fixture
def tokens(aws: Any, endpoint: Endpoint, serve: Callable[[Any], str]) -> WorkloadTokens:
    put(aws, CLIENT_SECRET)
    secrets = SecretReader(aws.secretsmanager, {"tool-gateway": aws.secret_arn}, clock=aws.clock)
    return WorkloadTokens(serve(endpoint), "client:answers", secrets, audience="tools", clock=aws.clock)


def put(aws: Any, value: str) -> None:
    aws.secretsmanager.put_secret_value(SecretId=aws.secret_arn, SecretString=value)


def test_a_token_names_the_agents_client_and_is_used_until_shortly_before_its_end(
    aws: Any, endpoint: Endpoint, tokens: WorkloadTokens
) -> None:
    token = tokens.token()
    claims = jwt.decode(token.reveal(), endpoint.issuer.keys).claims
    assert (claims["client_id"], claims["sub"], claims["aud"]) == (
        "client:answers",
        "client:answers",
        "tools",
    )
    assert token.reveal() not in repr(token)
    aws.clock.now += 3500
    assert tokens.token() is token
    assert endpoint.asked == 1
    aws.clock.now += 60
    assert tokens.token() is not token


def test_a_token_that_was_refused_is_fetched_anew_once(endpoint: Endpoint, tokens: WorkloadTokens) -> None:
    first = tokens.token()
    second = tokens.token(refused=first)
    assert endpoint.asked == 2
    assert tokens.token() is second


def test_a_client_secret_that_was_rotated_is_read_anew(
    aws: Any, endpoint: Endpoint, tokens: WorkloadTokens
) -> None:
    put(aws, "old")
    with pytest.raises(ToolGatewayUnavailable, match="401"):
        tokens.token()
    put(aws, CLIENT_SECRET)
    assert tokens.token()


@pytest.mark.parametrize(
    "answer",
    [("302 Found", b""), ("500 Down", b"{}"), ("200 OK", b"<html>"), ("200 OK", b"[]"), ("200 OK", b"{}")],
)
def test_an_issuer_that_gives_no_token_is_told_without_the_secret(
    endpoint: Endpoint, tokens: WorkloadTokens, answer: tuple[str, bytes]
) -> None:
    endpoint.answer = answer
    with pytest.raises(ToolGatewayUnavailable) as told:
        tokens.token()
    assert CLIENT_SECRET not in str(told.value)


def test_the_embedded_issuer_refuses_strangers_and_other_grants(endpoint: Endpoint) -> None:
    ask = endpoint.issuer.workload_token
    assert ask("", b"grant_type=client_credentials")[0].startswith("401")
    assert ask("Basic !!", b"grant_type=client_credentials")[0].startswith("401")
    assert ask("Basic YTpi", b"grant_type=client_credentials")[0].startswith("401")  # a:b
    assert ask("Basic YTpsb2NhbC1rZXk=", b"grant_type=password")[0].startswith("400")
