"""C35: each route of an HTTP or WebSocket API asks who calls."""

from collections.abc import Iterable

from ..framework.index import StackIndex
from ..framework.outcomes import Fail, Severity
from ..framework.resource import Resource
from ..framework.rule import StackRule, types
from ..framework.values import UNKNOWN, NotKnown

_API = "aws:apigatewayv2/api:Api"
_ROUTE = "aws:apigatewayv2/route:Route"
_CONNECT = "$connect"


def check(resource: Resource, stack: StackIndex) -> Iterable[Fail]:
    """A route's default is NONE. Of a WebSocket API only `$connect` can ask; it decides for the others."""
    if resource.type == _API:
        yield from _quick(resource)
        return
    kind = resource.view.text("authorizationType", "NONE")
    if kind != "NONE" and (kind == "AWS_IAM" or resource.view.says("authorizerId")):
        return
    api = stack.referred(resource, "apiId", _API)
    web_socket = bool(api) and api[0].view.text("protocolType") == "WEBSOCKET"
    key = resource.view.text("routeKey")
    if web_socket and key != _CONNECT:
        return
    told = "has no authorizer" if kind != "NONE" else "lets everybody in"
    yield Fail(f"{key or 'the route'} {told}.", "authorizationType")


def _quick(api: Resource) -> Iterable[Fail]:
    """An API that is made with a target has a route without authorization. One that is made from a document
    has the routes of that document."""
    if api.view.says("target"):
        yield Fail("its default route lets everybody in.", "target")
    if api.props.get("body") is UNKNOWN or api.view.says("body"):
        raise NotKnown("body", "is an OpenAPI document, which this rule does not read.")


RULE = StackRule(
    id="C35",
    name="api-routes-ask-who-calls",
    title="Each route of an API has an authorizer",
    why="Whoever finds the address runs the agent at your cost.",
    remediation="Set authorization_type and authorizer_id on the route, or AWS_IAM; FrontDoor does.",
    severity=Severity.CRITICAL,
    types=types(_API, _ROUTE),
    external={
        "Checkov": ("CKV_AWS_309",),
        "Security Hub": ("APIGateway.8",),
        "cdk-nag": ("AwsSolutions-APIG4",),
    },
    sources=(
        "https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-access-control.html",
        "https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-lambda-auth.html",
    ),
    check=check,
)
