"""Any endpoint with OpenAI's chat completions interface, over the standard library alone.

http.client rather than urllib: it follows no redirect, which would carry the key to another host.
"""

import http.client
import json
import random
import ssl
import time
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import urlsplit

from agent_runtime.bundle import ModelSpec
from agent_runtime.errors import ModelAuthFailed, ModelRejected, ModelReplyInvalid, ModelUnavailable
from agent_runtime.models.client import Completion, ModelRequest
from agent_runtime.secrets import SecretReader

ATTEMPTS: Final = 4
ATTEMPT_TIMEOUT_SECONDS: Final = 60.0
MAX_REPLY_BYTES: Final = 4 * 1024 * 1024
"""Far above any reply of text, and small enough for the smallest function's memory."""
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.5, 8.0


class OpenAiProvider:
    """Calls `{endpoint}/chat/completions`. `sleep` and `jitter` (0 to 1) are injected for tests."""

    def __init__(
        self,
        endpoint: str,
        secrets: SecretReader,
        *,
        sleep: Callable[[float], None] = time.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._url = urlsplit(endpoint.rstrip("/") + "/chat/completions")
        self._secrets = secrets
        self._sleep = sleep
        self._jitter = jitter

    def complete(self, spec: ModelSpec, request: ModelRequest) -> Completion:
        """Ask the model, again on 429, 5xx and lost connections while time is left.

        A key that is refused is fetched anew once: it may have been rotated since the process began. Raises
        `ModelUnavailable`, `ModelAuthFailed`, `ModelRejected` and `ModelReplyInvalid`.
        """
        body = json.dumps(_body(spec, request)).encode()
        has_fresh_key = False
        failures = 0
        while True:
            status, retry_after, reply = self._post(spec, request, body, has_fresh_key)
            if status == 200:
                return _completion(spec, reply)
            if status in (401, 403):
                if has_fresh_key or spec.api_key_secret is None:
                    raise ModelAuthFailed(f"{spec.name} refused the key with {status}")
                has_fresh_key = True
                continue
            if status is not None and status != 429 and status < 500:
                raise ModelRejected(f"{spec.name} refused the request with {status}")
            failures += 1
            pause = max(self._pause(failures), retry_after)
            if failures == ATTEMPTS or pause >= request.remaining_seconds():
                raise ModelUnavailable(
                    f"{spec.name} is unavailable ({status or 'no answer'}, {failures} tries)",
                    may_have_cost=status is None,
                )
            self._sleep(pause)

    def _pause(self, failures: int) -> float:
        """Full jitter: workers that failed together do not come back together."""
        return self._jitter() * min(_LONGEST_PAUSE_SECONDS, _FIRST_PAUSE_SECONDS * 2 ** (failures - 1))

    def _post(
        self, spec: ModelSpec, request: ModelRequest, body: bytes, refresh: bool
    ) -> tuple[int | None, float, bytes]:
        """Status, seconds the server asks to wait, and body; the status is None if there was no answer."""
        headers = {"Content-Type": "application/json"}
        if spec.api_key_secret is not None:
            key = self._secrets.get(spec.api_key_secret, run_id=request.run_id, refresh=refresh)
            headers["Authorization"] = f"Bearer {key.reveal()}"
        timeout = min(ATTEMPT_TIMEOUT_SECONDS, request.remaining_seconds())
        if timeout <= 0:
            return None, 0.0, b""
        connection = self._connect(timeout)
        try:
            connection.request("POST", self._url.path, body, headers)
            response = connection.getresponse()
            reply = _read(response, spec, request.remaining_seconds)
            return response.status, _seconds(response.getheader("Retry-After")), reply
        except (OSError, http.client.HTTPException):
            return None, 0.0, b""
        finally:
            connection.close()

    def _connect(self, timeout: float) -> http.client.HTTPConnection:
        host = self._url.hostname or ""
        if self._url.scheme == "https":
            context = ssl.create_default_context()
            return http.client.HTTPSConnection(host, self._url.port, timeout=timeout, context=context)
        return http.client.HTTPConnection(host, self._url.port, timeout=timeout)


def _body(spec: ModelSpec, request: ModelRequest) -> dict[str, Any]:
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
            raise ModelReplyInvalid(f"{spec.name} replied with more than {MAX_REPLY_BYTES} bytes")
        if remaining_seconds() <= 0:
            raise TimeoutError
    return bytes(reply)


def _completion(spec: ModelSpec, reply: bytes) -> Completion:
    try:
        document = json.loads(reply)
        text = document["choices"][0]["message"]["content"]
        usage = document.get("usage") or {}
        counts = [usage.get("prompt_tokens"), usage.get("completion_tokens")]
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise ModelReplyInvalid(f"{spec.name} did not reply with a chat completion") from error
    known = [count if type(count) is int and count >= 0 else None for count in counts]
    return Completion(text if isinstance(text, str) else None, known[0], known[1])


def _seconds(header: str | None) -> float:
    return float(header) if header is not None and header.isdecimal() else 0.0
