"""C36b: a method of a REST API refuses requests that are not as it wants them."""

from collections.abc import Iterable

from ..framework.outcomes import Fail, Level, Severity
from ..framework.resource import Resource
from ..framework.rule import ResourceRule, types


def check(method: Resource) -> Iterable[Fail]:
    """None by default. OPTIONS, which browsers ask before they call, brings nothing to check."""
    if method.view.text("httpMethod") != "OPTIONS" and not method.view.says("requestValidatorId"):
        yield Fail("it takes requests of any form.", "requestValidatorId")


RULE = ResourceRule(
    id="C36b",
    name="rest-apis-check-requests",
    title="Methods of REST APIs check their requests",
    why="What a request must hold is then decided, and paid for, behind the API.",
    remediation="Make a RequestValidator and set request_validator_id.",
    severity=Severity.LOW,
    level=Level.PROD,
    types=types("apigateway/method:Method"),
    external={"Checkov": ("CKV2_AWS_53",), "cdk-nag": ("AwsSolutions-APIG2",)},
    sources=(
        "https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-method-request-validation.html",
    ),
    check=check,
)
