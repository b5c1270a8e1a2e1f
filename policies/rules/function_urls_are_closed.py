"""C02: a function's URL asks who calls, and lets no other site's scripts in."""

from collections.abc import Iterable

from ..framework.outcomes import Fail, Severity
from ..framework.resource import Resource
from ..framework.rule import ResourceRule, types


def check(url: Resource) -> Iterable[Fail]:
    """`authorizationType` must be given; AWS has no default."""
    kind = url.view.text("authorizationType")
    if kind != "AWS_IAM":
        yield Fail(f"it is open to the internet: authorization is {kind or 'not set'}.", "authorizationType")
    origins = url.view.view("cors").texts("allowOrigins")
    if any(origin.rpartition("://")[2] == "*" for origin in origins):
        yield Fail("scripts of every site may call it.", "cors.allowOrigins")


RULE = ResourceRule(
    id="C02",
    name="function-urls-are-closed",
    title="Function URLs ask for IAM and name the origins that may call",
    why="Whoever finds the address runs the agent at your cost.",
    remediation="Set authorization_type to AWS_IAM and name origins, or use FrontDoor.",
    severity=Severity.CRITICAL,
    types=types("lambda/functionUrl:FunctionUrl"),
    external={"Checkov": ("CKV_AWS_258", "CKV2_AWS_75"), "cdk-nag": ("LambdaFunctionUrlAuth",)},
    sources=("https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html",),
    check=check,
)
