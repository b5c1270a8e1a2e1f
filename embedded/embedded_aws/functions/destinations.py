"""Where the record of an asynchronous invocation goes: a queue, a topic, another function or an event bus."""

import json
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from moto.backends import get_backend

from embedded_aws.functions.invocation import Invocation
from embedded_aws.functions.names import FunctionName, parse

Accept = Callable[[str, FunctionName, str, bytes], None]


class Destinations:
    """Delivered to moto's backends in this process, as the Lambda service itself does on AWS."""

    def __init__(self, account: str, accept: Accept) -> None:
        self._account, self._accept = account, accept

    def send(self, arn: str, body: str, attributes: Mapping[str, str]) -> None:
        service, region, name = arn.split(":")[2], arn.split(":")[3], arn.split(":")[-1]
        match service:
            case "sqs":
                typed = {key: {"DataType": "String", "StringValue": text} for key, text in attributes.items()}
                get_backend("sqs")[self._account][region].send_message(name, body, message_attributes=typed)
            case "sns":
                typed = {key: {"Type": "String", "Value": text} for key, text in attributes.items()}
                get_backend("sns")[self._account][region].publish(body, arn=arn, message_attributes=typed)
            case "lambda":
                named = parse(arn)
                assert named is not None
                self._accept(region, named, str(uuid.uuid4()), body.encode())
            case "events":
                failed = json.loads(body)["requestContext"]["condition"] != "Success"
                entry = {
                    "Source": "lambda",
                    "DetailType": f"Lambda Function Invocation Result - {'Failure' if failed else 'Success'}",
                    "Detail": body,
                    "EventBusName": arn,
                }
                get_backend("events")[self._account][region].put_events([entry])
            case _:
                raise ValueError(f"the embedded AWS delivers no invocation records to {arn}")


def record(
    *,
    request_id: str,
    function_arn: str,
    condition: str,
    attempts: int,
    payload: bytes,
    result: Invocation | None,
) -> dict[str, Any]:
    """https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html"""
    body: dict[str, Any] = {
        "version": "1.0",
        "timestamp": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "requestContext": {
            "requestId": request_id,
            "functionArn": function_arn,
            "condition": condition,
            "approximateInvokeCount": attempts,
        },
        "requestPayload": json.loads(payload),
    }
    if result is not None:
        context = {"statusCode": result.status, "executedVersion": result.executed_version}
        if result.function_error:
            context["functionError"] = result.function_error
        body["responseContext"] = context
        body["responsePayload"] = json.loads(result.payload)
    return body


def dead_letter(request_id: str, message: str) -> dict[str, str]:
    """Attributes beside the event itself: https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html,
    dead-letter queues; the message is cut at 1 KB."""
    attributes = {"RequestID": request_id, "ErrorCode": "200", "ErrorMessage": message[:1024]}
    return {key: text for key, text in attributes.items() if text}
