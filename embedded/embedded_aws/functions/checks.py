"""What the Invoke API refuses by looking at the request alone."""

import json

from embedded_aws.functions.events import EVENT_LIMIT_BYTES
from embedded_aws.functions.invocation import Refused
from embedded_aws.functions.names import FunctionName, parse

REQUEST_LIMIT_BYTES = 6 * 1024 * 1024
"""https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html: 6 MB for a synchronous request."""


def named_by(region: str, function: str, qualifier: str | None) -> FunctionName:
    named = parse(function)
    if named is None:
        raise Refused(400, "ValidationException", f"'{function}' names no function")
    if qualifier is not None and named.qualifier not in (None, qualifier):
        message = "The derived qualifier from the function name does not match the specified qualifier."
        raise Refused(400, "InvalidParameterValueException", message, Type="User")
    return FunctionName(named.name, qualifier or named.qualifier, named.region or region)


def check(payload: bytes, invocation_type: str) -> None:
    if invocation_type not in ("RequestResponse", "Event", "DryRun"):
        message = f"'{invocation_type}' is no invocation type"
        raise Refused(400, "InvalidParameterValueException", message, Type="User")
    limit = EVENT_LIMIT_BYTES if invocation_type == "Event" else REQUEST_LIMIT_BYTES
    if len(payload) > limit:
        message = f"Request must be smaller than {limit} bytes for the InvokeFunction operation"
        raise Refused(413, "RequestTooLargeException", message, Type="User")
    try:
        json.loads(payload or b"{}")
    except ValueError as error:
        message = f"Could not parse request body into json: {error}"
        raise Refused(400, "InvalidRequestContentException", message, Type="User") from error
