"""The HTTP API in front of an agent."""

import re
from collections.abc import Sequence
from typing import NotRequired, TypedDict

import pulumi
import pulumi_aws as aws

from agent_hosting._validation import Inputs

STATUS_ROUTES = (
    "GET /runs/{id}",
    "GET /runs/{id}/events",
    "POST /runs/{id}/cancel",
    "POST /approvals/{id}",
)
"""Routes that ask or steer a run; the contract is the same for every host."""

_ACCESS_LOG = (
    '{"requestId":"$context.requestId","time":"$context.requestTime","route":"$context.routeKey",'
    '"status":"$context.status","latencyMs":"$context.responseLatency","ip":"$context.identity.sourceIp",'
    '"subject":"$context.authorizer.claims.sub","error":"$context.error.message",'
    '"integrationError":"$context.integrationErrorMessage"}'
)


class JwtArgs(TypedDict):
    issuer: str
    """`iss` of the tokens: an https URL whose `/.well-known/openid-configuration` names the keys."""
    audiences: Sequence[str]
    """`aud` or `client_id` of the tokens; one at least."""


class DoorFunction(TypedDict):
    """A function behind the door, and the routes that it answers."""

    label: str
    """Ends the names of what is made for it, such as `agent`."""
    routes: Sequence[str]
    """Method and path of each route, such as `POST /runs`."""
    function_name: pulumi.Input[str]
    """Function that answers."""
    alias_name: pulumi.Input[str]
    """Alias of the function that is called, never the function itself: the canary's weights lie on it."""
    alias_invoke_arn: pulumi.Input[str]
    """`invoke_arn` of that alias."""


class FrontDoorArgs(TypedDict):
    functions: Sequence[DoorFunction]
    """Functions behind the door; each route belongs to one of them."""
    jwt: JwtArgs
    """Whose tokens open the door. There is no way to open it to everyone."""
    requests_per_second: NotRequired[float]
    """Steady rate of all callers together; beyond it they get 429. Defaults to 10."""
    burst_requests: NotRequired[int]
    """Requests that may come at once. Defaults to 20."""
    log_retention_days: NotRequired[int]
    """Days that the access log is kept. Defaults to 90."""
    log_key_arn: NotRequired[pulumi.Input[str]]
    """Key that encrypts the access log, such as `AgentPlatform.key_arn`. Defaults to CloudWatch's own."""
    tags: NotRequired[pulumi.Input[dict[str, pulumi.Input[str]]]]
    """Tags of every resource. Defaults to none."""


class FrontDoor(pulumi.ComponentResource):
    """An HTTP API whose every route asks for a token, with throttling and an access log."""

    url: pulumi.Output[str]
    """Base address: `POST {url}/runs` starts a run."""
    api_id: pulumi.Output[str]
    """Id of the HTTP API."""

    def __init__(self, name: str, args: FrontDoorArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("agent-hosting:index:FrontDoor", name, {}, opts)
        inputs = Inputs("FrontDoor", name, args)
        inputs.known(FrontDoorArgs.__annotations__)
        functions = check_functions(inputs)
        issuer, audiences = check_jwt(inputs.required("jwt", "Give issuer and audiences."), inputs)
        rate = inputs.number(
            "requests_per_second", 10, above=0, most=10_000, way_out="The account's quota is 10,000."
        )
        burst = int(
            inputs.number("burst_requests", 20, least=1, most=5_000, way_out="The account's quota is 5,000.")
        )
        log_days = inputs.log_days("log_retention_days", 90)
        child = pulumi.ResourceOptions(parent=self)
        tags = args.get("tags")

        api = aws.apigatewayv2.Api(name, protocol_type="HTTP", tags=tags, opts=child)
        authorizer = aws.apigatewayv2.Authorizer(
            f"{name}-jwt",
            api_id=api.id,
            authorizer_type="JWT",
            identity_sources=["$request.header.Authorization"],
            jwt_configuration={"issuer": issuer, "audiences": audiences},
            opts=child,
        )
        for function in functions:
            integration = aws.apigatewayv2.Integration(
                f"{name}-{function['label']}",
                api_id=api.id,
                integration_type="AWS_PROXY",
                integration_uri=function["alias_invoke_arn"],
                payload_format_version="2.0",
                timeout_milliseconds=30_000,
                opts=child,
            )
            for route in function["routes"]:
                aws.apigatewayv2.Route(
                    f"{name}-{re.sub('[^a-z0-9]+', '-', route.lower()).strip('-')}",
                    api_id=api.id,
                    route_key=route,
                    authorization_type="JWT",
                    authorizer_id=authorizer.id,
                    target=pulumi.Output.concat("integrations/", integration.id),
                    opts=child,
                )
        log = aws.cloudwatch.LogGroup(
            f"{name}-access",
            retention_in_days=log_days,
            kms_key_id=args.get("log_key_arn"),
            tags=tags,
            opts=child,
        )
        stage = aws.apigatewayv2.Stage(
            f"{name}-stage",
            api_id=api.id,
            name="$default",
            auto_deploy=True,
            access_log_settings={"destination_arn": log.arn, "format": _ACCESS_LOG},
            default_route_settings={"throttling_rate_limit": rate, "throttling_burst_limit": burst},
            tags=tags,
            opts=child,
        )
        for index, function in enumerate(functions):
            # One function had the whole door before, and its permission no label.
            former = [pulumi.Alias(name=f"{name}-permission")] if index == 0 else []
            aws.lambda_.Permission(
                f"{name}-{function['label']}-permission",
                function=function["function_name"],
                qualifier=function["alias_name"],
                action="lambda:InvokeFunction",
                principal="apigateway.amazonaws.com",
                source_arn=pulumi.Output.concat(api.execution_arn, "/*/*"),
                opts=pulumi.ResourceOptions(parent=self, aliases=former),
            )

        self.url = stage.invoke_url.apply(lambda url: url.rstrip("/"))
        self.api_id = api.id
        self.register_outputs({"url": self.url, "api_id": self.api_id})


def check_functions(inputs: Inputs) -> list[DoorFunction]:
    """Refuses a door without functions, and a route that two of them would answer."""
    way_out = "Give a function with its routes."
    functions: list[DoorFunction] = list(inputs.required("functions", way_out))
    routes = [route for function in functions for route in function["routes"]]
    if not routes:
        raise inputs.refuse("functions", functions, "one route is needed at least", way_out)
    for route in routes:
        if routes.count(route) > 1:
            raise inputs.refuse(
                "functions", route, "one route belongs to one function", "Take it from the others."
            )
    return functions


def check_jwt(given: JwtArgs, inputs: Inputs) -> tuple[str, list[str]]:
    """(issuer, audiences); refuses an issuer that is neither https nor on this machine, and empty
    audiences."""
    inputs.inside("jwt").lists("audiences")
    issuer, audiences = given.get("issuer") or "", list(given.get("audiences") or [])
    if not issuer.startswith(("https://", "http://127.0.0.1:")):
        raise inputs.refuse(
            "jwt.issuer", issuer, "an issuer is an https URL", "Copy it from the tokens' `iss`."
        )
    if not audiences:
        raise inputs.refuse(
            "jwt.audiences", audiences, "one audience is needed at least", "Copy it from the tokens' `aud`."
        )
    return issuer, audiences
