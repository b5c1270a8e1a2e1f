"""What the Invoke API answers: results, function errors and refusals, worded as AWS words them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

RESPONSE_LIMIT_BYTES = 6_291_556
"""https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html: 6 MB for a synchronous one."""


@dataclass(frozen=True)
class Invocation:
    """One answer of https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    payload: bytes = b""

    @property
    def function_error(self) -> str | None:
        return self.headers.get("X-Amz-Function-Error")

    @property
    def executed_version(self) -> str | None:
        return self.headers.get("X-Amz-Executed-Version")


class Refused(Exception):
    """The Invoke API refuses before any code runs."""

    def __init__(self, status: int, error_type: str, message: str, **more: str) -> None:
        super().__init__(message)
        self.status, self.error_type = status, error_type
        self.body = {"Message": message, **more}

    def answer(self, request_id: str) -> Invocation:
        headers = {
            "Content-Type": "application/json",
            "X-Amzn-ErrorType": self.error_type,
            "X-Amzn-RequestId": request_id,
        }
        return Invocation(self.status, headers, _json(self.body))


class Throttled(Refused):
    """Every place that the function or the machine has is taken."""

    def __init__(self, reason: str) -> None:
        super().__init__(429, "TooManyRequestsException", "Rate Exceeded.", Reason=reason, Type="User")


def not_found(arn: str) -> Refused:
    message = f"Function not found: {arn}"
    return Refused(404, "ResourceNotFoundException", message, Type="User")


def error_payload(error_type: str, message: str) -> bytes:
    return _json({"errorType": error_type, "errorMessage": message})


def timed_out_payload(request_id: str, seconds: float) -> bytes:
    """The wording since 2024; the older one had a timestamp and no errorType."""
    return error_payload(
        "Sandbox.Timedout", f"RequestId: {request_id} Error: Task timed out after {seconds:.2f} seconds"
    )


def exited_payload(request_id: str, how: str) -> bytes:
    return error_payload("Runtime.ExitError", f"RequestId: {request_id} Error: Runtime exited {how}")


def too_large_payload() -> bytes:
    return error_payload(
        "Function.ResponseSizeTooLarge",
        f"Response payload size exceeded maximum allowed payload size ({RESPONSE_LIMIT_BYTES} bytes).",
    )


def _json(body: dict[str, Any]) -> bytes:
    return json.dumps(body).encode()
