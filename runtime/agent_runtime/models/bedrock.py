"""Amazon Bedrock, through Converse: one request shape for every model it serves."""

from typing import Any, Final, Protocol

from botocore.exceptions import BotoCoreError, ClientError

from agent_runtime.bundle import ModelSpec
from agent_runtime.errors import ModelAuthFailed, ModelRejected, ModelUnavailable
from agent_runtime.models.client import Completion, ModelRequest

# The errors of Converse that its API reference calls transient; botocore has retried them by then.
_TRANSIENT: Final = {
    "InternalServerException",
    "ModelNotReadyException",
    "ModelTimeoutException",
    "ServiceUnavailableException",
    "ThrottlingException",
}


class ConverseClient(Protocol):
    """The one call of boto3's bedrock-runtime client that is used."""

    def converse(self, **request: Any) -> Any: ...


class BedrockProvider:
    """Calls Converse as the role of the host: no key is needed. Retries are botocore's."""

    def __init__(self, client: ConverseClient) -> None:
        self._client = client

    def complete(self, spec: ModelSpec, request: ModelRequest) -> Completion:
        """One Converse call. Raises `ModelUnavailable`, `ModelAuthFailed` and `ModelRejected`."""
        system = {"system": [{"text": request.system}]} if request.system else {}
        try:
            reply = self._client.converse(
                modelId=spec.name,
                messages=[{"role": m["role"], "content": [{"text": m["content"]}]} for m in request.messages],
                inferenceConfig=_inference(spec, request.max_output_tokens),
                **system,
            )
        except ClientError as error:
            code = str(error.response.get("Error", {}).get("Code", "unknown"))
            if code in _TRANSIENT:
                raise ModelUnavailable(f"{spec.name} is unavailable: {code}") from error
            if code == "AccessDeniedException":
                raise ModelAuthFailed(f"the role may not call {spec.name}") from error
            raise ModelRejected(f"{spec.name} refused the request: {code}") from error
        except BotoCoreError as error:
            raise ModelUnavailable(
                f"{spec.name} does not answer: {type(error).__name__}", may_have_cost=True
            ) from error
        content = reply.get("output", {}).get("message", {}).get("content", [])
        usage = reply.get("usage", {})
        return Completion(
            text="".join(block.get("text", "") for block in content),
            input_tokens=usage.get("inputTokens"),
            output_tokens=usage.get("outputTokens"),
        )


def _inference(spec: ModelSpec, max_output_tokens: int) -> dict[str, Any]:
    """What the bundle says; what it leaves out is the model's own."""
    said = {
        "temperature": spec.temperature,
        "topP": spec.top_p,
        "stopSequences": list(spec.stop_sequences) or None,
    }
    return {"maxTokens": max_output_tokens, **{name: v for name, v in said.items() if v is not None}}
