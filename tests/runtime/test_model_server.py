import io
import json
from typing import Any

import pytest

from embedded_aws.model_server import ModelServer, count_tokens, extract

PASSAGES = (
    "[1] Rotation\nAPI keys are rotated every 90 days. Ask Ann.\n\n"
    "[2] Backups\nBackups are kept for 35 days.\n\nQuestion: "
)


def call(
    server: ModelServer, body: Any = None, method: str = "POST", key: str = "any", **environ: Any
) -> Any:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    statuses: list[str] = []
    path = "/v1/chat/completions" if method == "POST" else "/v1/models"
    given = {
        "REQUEST_METHOD": method,
        "PATH_INFO": path,
        "CONTENT_LENGTH": str(len(raw)),
        "wsgi.input": io.BytesIO(raw),
        "HTTP_AUTHORIZATION": f"Bearer {key}",
    }
    reply = b"".join(server(given | environ, lambda status, _: statuses.append(status)))
    return int(statuses[0][:3]), json.loads(reply)


def asking(question: str, **more: Any) -> dict[str, Any]:
    return {"model": "embedded-v1", "messages": [{"role": "user", "content": PASSAGES + question}], **more}


def test_the_best_sentence_is_repeated_with_its_marker() -> None:
    assert extract(PASSAGES + "How often are API keys rotated?") == "API keys are rotated every 90 days. [1]"
    assert extract(PASSAGES + "How long are backups kept?") == "Backups are kept for 35 days. [2]"
    assert extract(PASSAGES + "Zebra?") == "The passages do not answer this question."
    assert extract("no passages at all") == "The passages do not answer this question."


def test_tokens_are_words_and_marks() -> None:
    assert count_tokens("API keys: 90 days. [1]") == 9


def test_the_same_request_gets_the_same_reply_with_true_counts() -> None:
    server = ModelServer()
    request = asking("How long are backups kept?")
    status, reply = call(server, request)
    assert (status, reply) == call(server, request)
    assert reply["choices"][0]["finish_reason"] == "stop"
    assert reply["usage"] == {
        "prompt_tokens": count_tokens(request["messages"][0]["content"]),
        "completion_tokens": 10,
        "total_tokens": reply["usage"]["prompt_tokens"] + 10,
    }


def test_a_reply_is_cut_at_the_tokens_asked_for() -> None:
    _, reply = call(ModelServer(), asking("How long are backups kept?", max_tokens=3))
    assert reply["choices"][0] == {
        "index": 0,
        "message": {"role": "assistant", "content": "Backups are kept"},
        "finish_reason": "length",
    }
    assert reply["usage"]["completion_tokens"] == 3


@pytest.mark.parametrize("key", ["", "wrong"])
def test_a_key_is_needed(key: str) -> None:
    status, reply = call(ModelServer(api_key="right"), asking("?"), key=key)
    assert (status, reply["error"]["code"]) == (401, "invalid_api_key")
    assert call(ModelServer(), asking("?"), key="")[0] == 401
    assert call(ModelServer(api_key="right"), asking("?"), key="right")[0] == 200


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        [],
        {},
        asking("?", model="other"),
        asking("?", stream=True),
        asking("?", max_tokens=0),
        asking("?", messages=[]),
        asking("?", messages=[{"role": "tool", "content": "x"}]),
        asking("?", messages=[{"role": "user", "content": None}]),
        asking("?", messages=["x"]),
    ],
)
def test_a_bad_request_has_openais_error_shape(body: Any) -> None:
    status, reply = call(ModelServer(), body)
    assert status == 400
    assert set(reply["error"]) == {"message", "type", "param", "code"}


def test_the_models_are_listed_and_other_paths_are_not_served() -> None:
    assert call(ModelServer(), method="GET")[1]["data"][0]["id"] == "embedded-v1"
    assert call(ModelServer(), {}, PATH_INFO="/v1/embeddings")[0] == 404
    assert call(ModelServer(), {}, CONTENT_LENGTH=str(2 * 1024 * 1024))[0] == 400
