"""Amazon Bedrock, through Converse: one request shape for every model it serves."""

import time
from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

from botocore.exceptions import BotoCoreError, ClientError, ConnectTimeoutError, EndpointConnectionError

from agent_runtime.bundle import ModelSpec
from agent_runtime.errors import ModelAuthFailed, ModelRejected, ModelUnavailable
from agent_runtime.models.tier import Completion, ModelRequest
from agent_runtime.models.trying import asked_seconds

_TRANSIENT: Final = {
    "InternalServerException",
    "ModelErrorException",
    "ModelNotReadyException",
    "ModelTimeoutException",
    "ServiceUnavailableException",
    "ThrottlingException",
}
"""Errors of Converse that may pass:
https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html"""
_MARK: Final = {"cachePoint": {"type": "default"}}
"""Whatever comes before it is kept for five minutes:
https://docs.aws.amazon.com/bedrock/latest/userguide/prompt-caching.html"""


class ConverseClient(Protocol):
    """The one call of boto3's bedrock-runtime client that is used."""

    def converse(self, **request: Any) -> Any: ...


class BedrockProvider:
    """Calls Converse as the role of the host: no key is needed. `clock` gives seconds since 1970."""

    def __init__(self, client: ConverseClient, *, clock: Callable[[], float] = time.time) -> None:
        self._client = client
        self._clock = clock

    def complete(self, spec: ModelSpec, request: ModelRequest) -> Completion:
        """One Converse call. Raises `ModelUnavailable`, `ModelAuthFailed` and `ModelRejected`."""
        try:
            reply = self._client.converse(
                modelId=spec.name,
                inferenceConfig=_inference(spec, request.max_output_tokens),
                **_prompt(spec, request),
            )
        except ClientError as error:
            code, status, asked = _told(error, self._clock())
            if code in _TRANSIENT or status >= 500:
                raise ModelUnavailable(
                    f"{spec.name} is unavailable: {code}", retry_after_seconds=asked
                ) from error
            if code == "AccessDeniedException":
                raise ModelAuthFailed(f"the role may not call {spec.name}") from error
            raise ModelRejected(f"{spec.name} refused the request: {code}") from error
        except BotoCoreError as error:
            is_sent = not isinstance(error, EndpointConnectionError | ConnectTimeoutError)
            raise ModelUnavailable(
                f"{spec.name} does not answer: {type(error).__name__}", may_have_cost=is_sent
            ) from error
        content = reply.get("output", {}).get("message", {}).get("content", [])
        usage = reply.get("usage", {})
        given = usage.get("inputTokens")
        read, written = (int(usage.get(f"cache{kind}InputTokens") or 0) for kind in ("Read", "Write"))
        return Completion(
            text="".join(block.get("text", "") for block in content),
            # Converse counts what is cached apart: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_TokenUsage.html
            input_tokens=None if given is None else given + read + written,
            output_tokens=usage.get("outputTokens"),
            cache_read_tokens=read,
            cache_write_tokens=written,
        )


def _prompt(spec: ModelSpec, request: ModelRequest) -> dict[str, Any]:
    """System prompt and messages. With `cache` two marks: after the system prompt, and in a conversation
    before its last message, where the next turn's prompt begins to differ."""
    contents = [[_text(message["content"])] for message in request.messages]
    system = [_text(request.system)] if request.system else []
    if spec.cache:
        if system:
            system.append(_MARK)
        if len(contents) > 1:
            contents[-2].append(_MARK)
    turns = zip(request.messages, contents, strict=True)
    messages = [{"role": message["role"], "content": content} for message, content in turns]
    return {"messages": messages, **({"system": system} if system else {})}


def _text(text: str) -> dict[str, Any]:
    return {"text": text}


def _told(error: ClientError, now: float) -> tuple[str, int, float]:
    """Code, HTTP status, and the seconds that Bedrock asks to wait, if it does."""
    about = error.response.get("ResponseMetadata", {})
    headers: Mapping[str, str] = about.get("HTTPHeaders") or {}
    asked = asked_seconds(headers.get("retry-after"), headers.get("date"), now)
    return str(error.response.get("Error", {}).get("Code", "unknown")), about.get("HTTPStatusCode", 0), asked


def _inference(spec: ModelSpec, max_output_tokens: int) -> dict[str, Any]:
    """What the bundle says; what it leaves out is the model's own."""
    said = {
        "temperature": spec.temperature,
        "topP": spec.top_p,
        "stopSequences": list(spec.stop_sequences) or None,
    }
    return {"maxTokens": max_output_tokens, **{name: v for name, v in said.items() if v is not None}}
