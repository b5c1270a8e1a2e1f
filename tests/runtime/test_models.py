import json
import socket
from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from agent_runtime.bundle import ModelSpec
from agent_runtime.errors import ModelAuthFailed, ModelRejected, ModelReplyInvalid, ModelUnavailable
from agent_runtime.models import openai
from agent_runtime.models.bedrock import BedrockProvider
from agent_runtime.models.client import ModelClient, ModelReply
from agent_runtime.models.openai import OpenAiProvider
from agent_runtime.retries import Retries
from agent_runtime.secrets import SecretReader

ASK: Any = [{"role": "user", "content": "why?"}]
SPEC = ModelSpec(
    provider="openai",
    name="small-v1",
    input_usd_per_million_tokens=2,
    output_usd_per_million_tokens=8,
    api_key_secret="model-api-key",
)
GOOD = {
    "choices": [{"message": {"role": "assistant", "content": "because"}}],
    "usage": {"prompt_tokens": 1000, "completion_tokens": 500},
}


class StubModel:
    """Answers with a list of (status, document or bytes, headers), the last one again and again."""

    def __init__(self, *answers: tuple[Any, ...]) -> None:
        self.answers = list(answers)
        self.keys: list[str] = []
        self.bodies: list[dict[str, Any]] = []

    def __call__(self, environ: dict[str, Any], start_response: Any) -> list[bytes]:
        self.keys.append(environ.get("HTTP_AUTHORIZATION", ""))
        self.bodies.append(json.loads(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))))
        status, document, *headers = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        start_response(f"{status} X", [("Content-Length", str(len(body))), *(headers[0] if headers else [])])
        return [body]


class Asker:
    """Calls a stub and remembers the pauses."""

    def __init__(
        self, url: str, secrets: SecretReader, spec: ModelSpec = SPEC, seconds: float = 20.0
    ) -> None:
        self.pauses: list[float] = []
        self.seconds = seconds
        self.client = ModelClient(spec, OpenAiProvider(url, secrets), jitter=lambda: 1.0)

    def _sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.seconds -= seconds

    def ask(self) -> ModelReply:
        return self.client.call(
            system="Be brief.",
            messages=ASK,
            max_output_tokens=None,
            run_id="r",
            remaining_seconds=lambda: self.seconds,
            retries=Retries(sleep=self._sleep, may_pause=lambda seconds: seconds < self.seconds),
        )


@pytest.fixture
def asker(aws: Any, serve: Callable[[Any], str]) -> Callable[..., Asker]:
    def make(stub: StubModel, **more: Any) -> Asker:
        return Asker(serve(stub), aws.secrets(), **more)

    return make


def test_a_reply_says_what_it_cost(asker: Callable[..., Asker]) -> None:
    stub = StubModel((200, GOOD))
    assert asker(stub).ask() == ModelReply("because", 1000, 500, 0.006, "small-v1")
    assert stub.keys == ["Bearer sk-do-not-show-7f3a"]
    assert stub.bodies[0] == {
        "model": "small-v1",
        "messages": [{"role": "system", "content": "Be brief."}, *ASK],
        "max_tokens": 1024,
    }


def test_the_parameters_of_the_bundle_reach_the_call(asker: Callable[..., Asker]) -> None:
    stub = StubModel((200, GOOD))
    said = {"temperature": 0.2, "top_p": 0.9, "stop_sequences": ("END",), "seed": 7}
    asker(stub, spec=SPEC.model_copy(update=said)).ask()
    sent = stub.bodies[0]
    assert {k: sent[k] for k in sent if k not in ("model", "messages", "max_tokens")} == {
        "temperature": 0.2,
        "top_p": 0.9,
        "stop": ["END"],
        "seed": 7,
    }


@pytest.mark.parametrize("status", [429, 500, 503])
def test_what_may_pass_is_tried_again_with_growing_pauses(asker: Callable[..., Asker], status: int) -> None:
    stub = StubModel((status, {}), (status, {}), (200, GOOD))
    calling = asker(stub)
    assert calling.ask().text == "because"
    assert calling.pauses == [0.5, 1.0]


def test_tries_are_bounded(asker: Callable[..., Asker]) -> None:
    stub = StubModel((503, {}))
    with pytest.raises(ModelUnavailable, match=r"503\), after 4 tries"):
        asker(stub).ask()
    assert len(stub.keys) == 4


def test_tries_end_with_the_time_that_is_left(asker: Callable[..., Asker]) -> None:
    stub = StubModel((429, {}, [("Retry-After", "3")]))
    calling = asker(stub, seconds=5.0)
    with pytest.raises(ModelUnavailable):
        calling.ask()
    assert calling.pauses == [3.0]


def test_without_time_no_call_is_made(asker: Callable[..., Asker]) -> None:
    stub = StubModel((200, GOOD))
    with pytest.raises(ModelUnavailable, match="no time is left"):
        asker(stub, seconds=0.0).ask()
    assert stub.keys == []


@pytest.mark.parametrize("status", [400, 404, 422, 302])
def test_a_refused_request_is_not_tried_again(asker: Callable[..., Asker], status: int) -> None:
    stub = StubModel((status, {"error": {}}, [("Location", "http://127.0.0.1:9/")]))
    with pytest.raises(ModelRejected, match=str(status)):
        asker(stub).ask()
    assert len(stub.keys) == 1


def test_a_key_rotated_in_mid_run_is_fetched_anew_once(
    aws: Any, asker: Callable[..., Asker], caplog: pytest.LogCaptureFixture
) -> None:
    stub = StubModel((200, GOOD), (401, {}), (200, GOOD))
    calling = asker(stub)
    calling.ask()
    aws.secretsmanager.update_secret(SecretId=aws.secret_arn, SecretString="sk-new")
    with caplog.at_level("DEBUG"):
        assert calling.ask().text == "because"
    assert stub.keys == [*["Bearer sk-do-not-show-7f3a"] * 2, "Bearer sk-new"]
    assert "sk-new" not in str(
        [record.__dict__ for record in caplog.records if record.name.startswith("agent")]
    )


def test_a_key_that_stays_refused_is_an_error_without_the_key(asker: Callable[..., Asker]) -> None:
    stub = StubModel((401, {}))
    with pytest.raises(ModelAuthFailed) as error:
        asker(stub).ask()
    assert len(stub.keys) == 2
    assert "sk-" not in str(error.value)


@pytest.mark.parametrize("document", [b"not json", b"[" * 100_000, {}, {"choices": []}, []])
def test_garbage_is_an_outage_that_may_have_cost(asker: Callable[..., Asker], document: Any) -> None:
    with pytest.raises(ModelUnavailable, match="did not reply with a chat completion") as error:
        asker(StubModel((200, document))).ask()
    assert error.value.may_have_cost


@pytest.mark.parametrize(
    "document",
    [
        {**GOOD, "usage": None},
        {**GOOD, "usage": {"prompt_tokens": 3}},
        {**GOOD, "usage": {"prompt_tokens": 3, "completion_tokens": -1}},
        {**GOOD, "usage": {"prompt_tokens": True, "completion_tokens": 1}},
        {**GOOD, "choices": [{"message": {"content": None}}]},
    ],
)
def test_a_reply_without_text_or_counts_is_an_error_and_never_free(
    asker: Callable[..., Asker], document: Any
) -> None:
    with pytest.raises(ModelReplyInvalid):
        asker(StubModel((200, document))).ask()


def test_a_reply_is_bounded_in_size(asker: Callable[..., Asker], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openai, "MAX_REPLY_BYTES", 100)
    with pytest.raises(ModelUnavailable, match="more than 100 bytes"):
        asker(StubModel((200, b" " * 101))).ask()


def test_an_address_where_nobody_listens_is_unavailable(aws: Any) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/v1"
        with pytest.raises(ModelUnavailable, match=r"no answer: ConnectionRefusedError.*after 4 tries"):
            Asker(url, aws.secrets()).ask()


BEDROCK = SPEC.model_copy(update={"provider": "bedrock", "api_key_secret": None})
CONVERSE = {
    "modelId": "small-v1",
    "messages": [{"role": "user", "content": [{"text": "why?"}]}],
    "inferenceConfig": {"maxTokens": 1024},
    "system": [{"text": "Be brief."}],
}


def converse(stub: Callable[[Stubber], None], spec: ModelSpec = BEDROCK) -> ModelReply:
    client = boto3.session.Session().client("bedrock-runtime", "us-east-1")
    with Stubber(client) as stubber:
        stub(stubber)
        return ModelClient(spec, BedrockProvider(client)).call(
            system="Be brief.",
            messages=ASK,
            max_output_tokens=None,
            run_id="r",
            remaining_seconds=lambda: 10.0,
        )


REPLY = {
    "output": {"message": {"role": "assistant", "content": [{"text": "because"}]}},
    "stopReason": "end_turn",
    "usage": {"inputTokens": 1000, "outputTokens": 500, "totalTokens": 1500},
    "metrics": {"latencyMs": 1},
}


def test_bedrock_is_asked_through_converse(aws: Any) -> None:
    assert converse(lambda s: s.add_response("converse", REPLY, CONVERSE)).cost_usd == 0.006


def test_converse_gets_the_parameters_that_it_knows(aws: Any) -> None:
    spec = BEDROCK.model_copy(update={"temperature": 0.0, "top_p": 0.9, "stop_sequences": ("END",)})
    inference = {"maxTokens": 1024, "temperature": 0.0, "topP": 0.9, "stopSequences": ["END"]}
    asked = {**CONVERSE, "inferenceConfig": inference}
    assert converse(lambda s: s.add_response("converse", REPLY, asked), spec).text == "because"


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("ThrottlingException", ModelUnavailable),
        ("ModelTimeoutException", ModelUnavailable),
        ("AccessDeniedException", ModelAuthFailed),
        ("ValidationException", ModelRejected),
    ],
)
def test_bedrocks_errors_say_whether_they_may_pass(aws: Any, code: str, error: type[Exception]) -> None:
    with pytest.raises(error, match="small-v1"):
        converse(lambda s: s.add_client_error("converse", code))
