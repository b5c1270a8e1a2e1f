"""Lambda functions: what they are called by, and through which alias.

Defaults: https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html
"""

import re
from collections import defaultdict

from ..framework.index import StackIndex
from ..framework.resource import Resource
from ..framework.values import UNKNOWN, NotKnown
from ._aliases import ALIAS

FUNCTION = "aws:lambda/function:Function"
FUNCTION_URL = "aws:lambda/functionUrl:FunctionUrl"
MAPPING = "aws:lambda/eventSourceMapping:EventSourceMapping"
PERMISSION = "aws:lambda/permission:Permission"
INTEGRATION_V1 = "aws:apigateway/integration:Integration"
INTEGRATION_V2 = "aws:apigatewayv2/integration:Integration"
INVOKE_CONFIG = "aws:lambda/functionEventInvokeConfig:FunctionEventInvokeConfig"
_QUALIFIED = re.compile(r"(arn:[^:]*:lambda:[^:]*:[^:]*:function:[^:]+|[\w-]+):[\w$-]+")
DEFAULT_TIMEOUT = 3
UNRESERVED = -1

_ANSWERED = {
    FUNCTION_URL: "functionName",
    MAPPING: "functionName",
    INTEGRATION_V1: "uri",
    INTEGRATION_V2: "integrationUri",
}
"""Callers that wait for the answer, by what names the function."""
_HANDED_OVER = {
    "aws:sns/topicSubscription:TopicSubscription": "endpoint",
    "aws:cloudwatch/eventTarget:EventTarget": "arn",
    "aws:s3/bucketNotification:BucketNotification": "lambdaFunctions",
    "aws:cloudwatch/metricAlarm:MetricAlarm": "alarmActions",
    "aws:cloudwatch/logSubscriptionFilter:LogSubscriptionFilter": "destinationArn",
    "aws:ses/receiptRule:ReceiptRule": "lambdaActions",
    "aws:iot/topicRule:TopicRule": "lambdas",
}
"""Callers that Lambda takes the event from and answers at once:
https://docs.aws.amazon.com/lambda/latest/dg/invocation-async.html"""


def is_image(function: Resource) -> bool:
    return function.view.text("packageType", "Zip") == "Image"


def functions_named(resource: Resource, key: str, stack: StackIndex) -> list[Resource]:
    """Functions that the property names, itself, by an alias or by a version."""
    found = stack.referred(resource, key, FUNCTION)
    value = resource.props.get(key)
    if isinstance(value, str) and (qualified := _QUALIFIED.fullmatch(value)):
        found += stack.called(qualified[1], FUNCTION)
    for alias in stack.referred(resource, key, ALIAS):
        found += stack.referred(alias, "functionName", FUNCTION)
    return list({one.urn: one for one in found}.values())


def function_named(resource: Resource, key: str, stack: StackIndex) -> Resource | None:
    """The one function that the property names, None where the stack does not hold it. Raises `NotKnown`
    where the property is unknown and nothing tells what it was made from."""
    found = functions_named(resource, key, stack)
    if not found and resource.props.get(key) is UNKNOWN:
        raise NotKnown(key)
    return found[0] if found else None


def mappings_to(function: Resource, stack: StackIndex) -> list[Resource]:
    """Event source mappings that hand the function records."""
    return stack.once(_mappings).get(function.urn, [])


def _mappings(stack: StackIndex) -> dict[str, list[Resource]]:
    found: dict[str, list[Resource]] = defaultdict(list)
    for mapping in stack.of(MAPPING):
        for function in functions_named(mapping, "functionName", stack):
            found[function.urn].append(mapping)
    return dict(found)


def waits(integration: Resource) -> bool:
    """Whether an API's integration waits for the function: not where it says `Event`.
    https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-integration-async.html
    """
    asked = integration.view.view("requestParameters").held.get(
        "integration.request.header.X-Amz-Invocation-Type"
    )
    return asked is UNKNOWN or asked != "'Event'"


def callers(stack: StackIndex) -> dict[str, tuple[list[Resource], list[Resource]]]:
    """Who calls each function, by its URN: those that wait for the answer, and those that do not."""
    found: dict[str, tuple[list[Resource], list[Resource]]] = defaultdict(lambda: ([], []))
    for kind, key in (*_ANSWERED.items(), *_HANDED_OVER.items()):
        for caller in stack.of(kind):
            apart = kind in _HANDED_OVER or (kind == INTEGRATION_V1 and not waits(caller))
            for function in functions_named(caller, key, stack):
                found[function.urn][apart].append(caller)
    return dict(found)
