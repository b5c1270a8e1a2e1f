"""Any endpoint with OpenAI's chat completions interface, over the standard library alone.

http.client rather than urllib: it follows no redirect, which would carry the key to another host.
"""

import http.client
import json
import ssl
import time
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import urlsplit

from agent_runtime.bundle import ModelSpec
from agent_runtime.errors import ModelAuthFailed, ModelRejected, ModelUnavailable
from agent_runtime.models.tier import TRY_SECONDS, Completion, ModelRequest
from agent_runtime.models.trying import asked_seconds
from agent_runtime.secrets import SecretReader

MAX_REPLY_BYTES: Final = 4 * 1024 * 1024
"""Far above any reply of text, and small enough for the smallest function's memory."""
_PASSING: Final = (408, 425, 429)
"""Beside 5xx, what may be answered differently in a moment."""


class OpenAiProvider:
    """Calls `{endpoint}/chat/completions`. `clock` gives seconds since 1970."""

    def __init__(
        self, endpoint: str, secrets: SecretReader, *, clock: Callable[[], float] = time.time
    ) -> None:
        self._url = urlsplit(endpoint.rstrip("/") + "/chat/completions")
        self._secrets = secrets
        self._clock = clock

    def complete(self, spec: ModelSpec, request: ModelRequest) -> Completion:
        """Ask the model once. A key that is refused is fetched anew once: it may have been rotated since the
        process began.

        Raises `ModelUnavailable` where it is throttled, down, too slow or replies with something else than a
        chat completion, `ModelAuthFailed` and `ModelRejected`.
        """
        body = json.dumps(_body(spec, request)).encode()
        status, asked, reply = self._post(spec, request, body, refresh=False)
        if status in (401, 403) and spec.api_key_secret is not None:
            status, asked, reply = self._post(spec, request, body, refresh=True)
        if status == 200:
            return _completion(spec, reply)
        if status in (401, 403):
            raise ModelAuthFailed(f"{spec.name} refused the key with {status}")
        if status < 500 and status not in _PASSING:
            raise ModelRejected(f"{spec.name} refused the request with {status}")
        raise ModelUnavailable(f"{spec.name} is unavailable ({status})", retry_after_seconds=asked)

    def _post(
        self, spec: ModelSpec, request: ModelRequest, body: bytes, *, refresh: bool
    ) -> tuple[int, float, bytes]:
        """Status, seconds the server asks to wait, and body. Raises `ModelUnavailable` without an answer."""
        headers = {"Content-Type": "application/json"}
        if spec.api_key_secret is not None:
            key = self._secrets.get(spec.api_key_secret, run_id=request.run_id, refresh=refresh)
            headers["Authorization"] = f"Bearer {key.reveal()}"
        timeout = min(spec.timeout_seconds or TRY_SECONDS, request.remaining_seconds())
        if timeout <= 0:
            raise ModelUnavailable("no time is left for a model call")
        ends = time.monotonic() + timeout
        connection, is_sent = self._connect(timeout), False
        try:
            connection.connect()
            is_sent = True
            connection.request("POST", self._url.path, body, headers)
            with connection.getresponse() as response:
                reply = _read(
                    response, spec, lambda: min(request.remaining_seconds(), ends - time.monotonic())
                )
                asked = asked_seconds(
                    response.getheader("Retry-After"), response.getheader("Date"), self._clock()
                )
                return response.status, asked, reply
        except (OSError, http.client.HTTPException) as error:
            raise ModelUnavailable(
                f"{spec.name} is unavailable (no answer: {type(error).__name__})", may_have_cost=is_sent
            ) from error
        finally:
            connection.close()

    def _connect(self, timeout: float) -> http.client.HTTPConnection:
        host = self._url.hostname or ""
        if self._url.scheme == "https":
            context = ssl.create_default_context()
            return http.client.HTTPSConnection(host, self._url.port, timeout=timeout, context=context)
        return http.client.HTTPConnection(host, self._url.port, timeout=timeout)


def _body(spec: ModelSpec, request: ModelRequest) -> dict[str, Any]:
    """What a server keeps of a prompt it finds by its beginning: that is the system prompt, always."""
    system = [{"role": "system", "content": request.system}] if request.system else []
    said = {
        "temperature": spec.temperature,
        "top_p": spec.top_p,
        "stop": list(spec.stop_sequences) or None,
        "seed": spec.seed,
    }
    return {
        "model": spec.name,
        "messages": [*system, *request.messages],
        "max_tokens": request.max_output_tokens,
        **{name: value for name, value in said.items() if value is not None},
    }


def _read(
    response: http.client.HTTPResponse, spec: ModelSpec, remaining_seconds: Callable[[], float]
) -> bytes:
    """The body, bounded in size and, since a socket's timeout begins anew with each byte, in time."""
    reply = bytearray()
    while chunk := response.read1(65_536):
        reply += chunk
        if len(reply) > MAX_REPLY_BYTES:
            raise _garbled(f"{spec.name} replied with more than {MAX_REPLY_BYTES} bytes")
        if remaining_seconds() <= 0:
            raise TimeoutError
    return bytes(reply)


def _completion(spec: ModelSpec, reply: bytes) -> Completion:
    try:
        document = json.loads(reply)
        text = document["choices"][0]["message"]["content"]
        usage = document.get("usage") or {}
        given, made = _count(usage.get("prompt_tokens")), _count(usage.get("completion_tokens"))
        kept = _count((usage.get("prompt_tokens_details") or {}).get("cached_tokens")) or 0
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise _garbled(f"{spec.name} did not reply with a chat completion") from error
    # A part of the input, as OpenAI has it: more than all of it would make the call cost less than nothing.
    read = min(kept, given or 0)
    return Completion(text if isinstance(text, str) else None, given, made, cache_read_tokens=read)


def _count(value: object) -> int | None:
    return value if type(value) is int and value >= 0 else None


def _garbled(said: str) -> ModelUnavailable:
    """Something in between is broken: it may have worked for the call, and others may fare better."""
    return ModelUnavailable(said, may_have_cost=True)
