"""C35b: a stage of an HTTP or WebSocket API logs each call and says how many it takes."""

from collections.abc import Iterable

from ..framework.outcomes import Fail, Severity
from ..framework.resource import Resource
from ..framework.rule import ResourceRule, types

_LIMITS = ("throttlingRateLimit", "throttlingBurstLimit")


def check(stage: Resource) -> Iterable[Fail]:
    """By default nothing is logged, and the account's 10,000 requests a second are the only bound."""
    if not stage.view.view("accessLogSettings").says("destinationArn"):
        yield Fail("nobody can tell who called.", "accessLogSettings")
    throttling = stage.view.view("defaultRouteSettings")
    for limit in _LIMITS:
        if not throttling.number(limit, 0):
            yield Fail("only the account's quota bounds it.", throttling.at(limit))


RULE = ResourceRule(
    id="C35b",
    name="api-stages-are-logged-and-bounded",
    title="Stages of APIs have an access log and throttling of their own",
    why="A flood of calls is paid for by the call, and takes the quota of all other APIs.",
    remediation="Set access_log_settings, and rate and burst in default_route_settings; FrontDoor does.",
    severity=Severity.MEDIUM,
    types=types("apigatewayv2/stage:Stage"),
    external={
        "Checkov": ("CKV_AWS_76",),
        "Security Hub": ("APIGateway.9",),
        "Trivy": ("AWS-0001",),
        "cdk-nag": ("APIGWDefaultThrottling", "AwsSolutions-APIG1"),
    },
    sources=(
        "https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-logging.html",
        "https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-throttling.html",
    ),
    check=check,
)
