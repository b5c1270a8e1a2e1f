"""A small model that always answers the same: OpenAI's chat completions over a deterministic extract.

It reads passages marked `[1]`, `[2]`, ... and a line `Question: ...` in the last user message, and repeats
the sentences that share the most words with the question, each with the marker of its passage. Tokens are
counted by one rule: a run of letters, digits and underscores is a token, and so is every other character
but white space.
"""

import hmac
import json
import math
import re
from collections.abc import Callable, Iterable
from typing import Any, Final

MODELS: Final = ("embedded-v1", "embedded-large-v1")
"""Two names for the same answers, so that tiers can be tried."""
_MAX_BODY_BYTES: Final = 1024 * 1024
_TOKEN: Final = re.compile(r"\w+|[^\w\s]")
_PASSAGE: Final = re.compile(r"^\[(\d+)\](.*?)(?=^\[\d+\]|^Question:|\Z)", re.MULTILINE | re.DOTALL)
_QUESTION: Final = re.compile(r"^Question:(.*)\Z", re.MULTILINE | re.DOTALL)
_SENTENCE_END: Final = re.compile(r"(?<=[.!?])\s+|\n+")
_COMMON_WORDS: Final = (
    "a an and are at be by can do does for from how i if in is it may much must not of on or our the to we "
    "what when who with you"
)
_COMMON: Final = frozenset(_COMMON_WORDS.split())
_NO_ANSWER: Final = "The passages do not answer this question."
StartResponse = Callable[[str, list[tuple[str, str]]], Any]


class _BadRequest(Exception):
    def __init__(self, message: str, status: str = "400 Bad Request", code: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


class ModelServer:
    """A WSGI application with `POST /v1/chat/completions` and `GET /v1/models`.

    With `api_key` only that bearer key is accepted, else any that is not empty. The attribute may be
    changed while the server runs, as a provider does who revokes a key.
    """

    def __init__(self, api_key: str | None = None, models: Iterable[str] = MODELS) -> None:
        self.api_key = api_key
        self._models = tuple(models)

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> list[bytes]:
        try:
            status, document = "200 OK", self._answer(environ)
        except _BadRequest as error:
            kind = "authentication_error" if error.status.startswith("401") else "invalid_request_error"
            status = error.status
            document = {"error": {"message": str(error), "type": kind, "param": None, "code": error.code}}
        body = json.dumps(document).encode()
        start_response(status, [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
        return [body]

    def _answer(self, environ: dict[str, Any]) -> dict[str, Any]:
        self._check_key(str(environ.get("HTTP_AUTHORIZATION", "")))
        call = f"{environ['REQUEST_METHOD']} {environ.get('PATH_INFO', '')}"
        if call == "GET /v1/models":
            listed = [{"id": name, "object": "model", "owned_by": "embedded"} for name in self._models]
            return {"object": "list", "data": listed}
        if call == "POST /v1/chat/completions":
            return self._complete(_read(environ))
        raise _BadRequest(f"{call} is not served", "404 Not Found")

    def _check_key(self, header: str) -> None:
        scheme, _, key = header.partition(" ")
        is_known = self.api_key is None or hmac.compare_digest(key.encode(), self.api_key.encode())
        if scheme.lower() != "bearer" or not key or not is_known:
            raise _BadRequest("Incorrect API key provided", "401 Unauthorized", "invalid_api_key")

    def _complete(self, request: dict[str, Any]) -> dict[str, Any]:
        if request.get("model") not in self._models:
            raise _BadRequest(f"model must be one of {', '.join(self._models)}", code="model_not_found")
        if request.get("stream"):
            raise _BadRequest("stream is not supported")
        messages = _messages(request.get("messages"))
        limit = request.get("max_tokens", 1024)
        if type(limit) is not int or limit < 1:
            raise _BadRequest("max_tokens must be a whole number above 0")
        asked = next((content for role, content in reversed(messages) if role == "user"), "")
        whole = extract(asked)
        text = _cut(whole, limit)
        prompt_tokens = sum(count_tokens(content) for _, content in messages)
        completion_tokens = count_tokens(text)
        message = {"role": "assistant", "content": text}
        finish_reason = "stop" if text == whole else "length"
        return {
            "id": "chatcmpl-embedded",
            "object": "chat.completion",
            "created": 0,
            "model": request["model"],
            "choices": [{"index": 0, "message": message, "finish_reason": finish_reason}],
            "usage": {
                "prompt_tokens": prompt_tokens,
                "completion_tokens": completion_tokens,
                "total_tokens": prompt_tokens + completion_tokens,
            },
        }


def count_tokens(text: str) -> int:
    """Tokens of `text` by the rule of this module."""
    return len(_TOKEN.findall(text))


def extract(message: str, limit: int = 2) -> str:
    """The `limit` best sentences of the passages in `message`, in their order, with the passages' markers."""
    asked = _QUESTION.search(message)
    question = _words(asked.group(1) if asked else message)
    sentences = [
        (marker, sentence.strip())
        for marker, passage in _PASSAGE.findall(message)
        for sentence in _SENTENCE_END.split(passage)
        if sentence.strip()
    ]
    known = [_words(sentence) for _, sentence in sentences]
    rarity = {
        word: math.log(1 + len(known) / (1 + sum(word in other for other in known)))
        for word in sorted(question)
    }
    points = [sum(value for word, value in rarity.items() if word in found) for found in known]
    # A heading is no sentence to repeat, and half of the best sentence's points is no answer.
    usable = [n for n, (_, sentence) in enumerate(sentences) if sentence[-1] in ".!?" and points[n] > 0]
    best = sorted(usable, key=lambda n: (-points[n], n))[:limit]
    chosen = sorted(n for n in best if points[n] > points[best[0]] / 2)
    return " ".join(f"{sentences[n][1]} [{sentences[n][0]}]" for n in chosen) or _NO_ANSWER


def _words(text: str) -> set[str]:
    found = re.findall(r"[a-z0-9]+", text.lower())
    return {re.sub(r"(?<=[a-z]{3})s$", "", word) for word in found} - _COMMON


def _cut(text: str, limit: int) -> str:
    tokens = list(_TOKEN.finditer(text))
    return text if len(tokens) <= limit else text[: tokens[limit - 1].end()]


def _read(environ: dict[str, Any]) -> dict[str, Any]:
    length = str(environ.get("CONTENT_LENGTH") or "0")
    if not length.isdecimal() or int(length) > _MAX_BODY_BYTES:
        raise _BadRequest(f"the body may have {_MAX_BODY_BYTES} bytes")
    try:
        request: object = json.loads(environ["wsgi.input"].read(int(length)))
    except (ValueError, RecursionError) as error:
        raise _BadRequest("the body is not JSON") from error
    if not isinstance(request, dict):
        raise _BadRequest("the body must be an object")
    return {str(name): value for name, value in request.items()}


def _messages(value: object) -> list[tuple[str, str]]:
    if not isinstance(value, list) or not value:
        raise _BadRequest("messages must be a list with at least one message")
    messages: list[tuple[str, str]] = []
    for number, message in enumerate(value):
        role = message.get("role") if isinstance(message, dict) else None
        content = message.get("content") if isinstance(message, dict) else None
        if role not in ("system", "user", "assistant") or not isinstance(content, str):
            raise _BadRequest(f"messages[{number}] needs a role and a content of text")
        messages.append((str(role), content))
    return messages
