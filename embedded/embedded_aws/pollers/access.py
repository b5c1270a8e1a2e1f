"""Whether a function's execution role may read the queue that is its event source.

https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html, execution role permissions.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any, Protocol

OPERATIONS = ("ReceiveMessage", "DeleteMessage", "GetQueueAttributes")
_SESSION = "lambda-event-source"


class Credentials(Protocol):
    @property
    def access_key_id(self) -> str: ...
    @property
    def session_token(self) -> str: ...


class Refused(Protocol):
    @property
    def body(self) -> bytes: ...


class RoleAccess:
    """Asks the authoriser about the poller's calls as if the role had sent them to the gateway, so that they
    are counted and logged like any others."""

    def __init__(
        self,
        issue: Callable[[str, str], Credentials],
        refusal: Callable[[str, str, str, Mapping[str, str], bytes], Refused | None],
    ) -> None:
        self._issue, self._refusal = issue, refusal
        self._held: dict[str, Credentials] = {}

    def problem(self, role_arn: str, queue_arn: str) -> str | None:
        """Why the role may not poll; None if it may."""
        return next(
            (said for name in OPERATIONS if (said := self._denied(role_arn, name, queue_arn)) is not None),
            None,
        )

    def _denied(self, role_arn: str, operation: str, queue_arn: str) -> str | None:
        credentials = self._held.get(role_arn) or self._issue(role_arn, _SESSION)
        self._held[role_arn] = credentials
        *_, region, account, name = queue_arn.split(":")
        scope = f"{credentials.access_key_id}/20260101/{region}/sqs/aws4_request"
        headers = {
            "authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0",
            "content-type": "application/x-amz-json-1.0",
            "x-amz-security-token": credentials.session_token,
            "x-amz-target": f"AmazonSQS.{operation}",
        }
        url = f"https://sqs.{region}.amazonaws.com/{account}/{name}"
        refused = self._refusal("POST", "/", "", headers, json.dumps({"QueueUrl": url}).encode())
        if refused is None:
            return None
        said: dict[str, Any] = json.loads(refused.body)
        reason = said.get("message", "")
        return f"The function execution role does not have permissions to call {operation} on SQS: {reason}"
