"""How often the hosts' AWS clients send a call: as often as they are told, the first time counted."""

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from agent_runtime.hosts.clients import client_of


@pytest.mark.parametrize("attempts", [1, 2])
def test_a_call_is_sent_as_often_as_its_attempts_and_no_more(
    serve: Callable[[Any], str], monkeypatch: pytest.MonkeyPatch, attempts: int
) -> None:
    """Of a model each try is paid for, and the ledger counts those that the run makes."""
    asked: list[str] = []

    def down(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        asked.append(environ["PATH_INFO"])
        start_response("503 Service Unavailable", [("content-type", "application/json")])
        return [b'{"message": "busy"}']

    address = serve(down).removesuffix("/v1")
    for name, value in {
        "AWS_ENDPOINT_URL": address,
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "eu-west-1",
    }.items():
        monkeypatch.setenv(name, value)
    client = client_of("bedrock-runtime", attempts=attempts)
    with pytest.raises(ClientError):
        client.converse(modelId="m-v1:0", messages=[{"role": "user", "content": [{"text": "x"}]}])
    assert len(asked) == attempts
