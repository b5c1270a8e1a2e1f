"""C35d: an authorizer of an HTTP API takes tokens of one issuer, made for this API."""

from collections.abc import Iterable

from ..framework.outcomes import Fail, Severity
from ..framework.resource import Resource
from ..framework.rule import ResourceRule, types
from ..framework.values import UNKNOWN


def check(authorizer: Resource) -> Iterable[Fail]:
    """Answers for authorizers of the type JWT. Those of the type REQUEST ask a function, which a rule cannot
    read. There is no default for either."""
    view = authorizer.view
    if view.text("authorizerType") != "JWT":
        return
    held = view.view("jwtConfiguration")
    for key, told in (
        ("issuer", "anybody's tokens"),
        ("audiences", "tokens that were made for other services"),
    ):
        at = held.at(key) if held.path else f"jwtConfiguration.{key}"
        if held.held.get(key) is not UNKNOWN and not any(one.strip() for one in held.texts(key)):
            yield Fail(f"without {key} nothing keeps {told} out.", at)


RULE = ResourceRule(
    id="C35d",
    name="authorizers-say-what-they-verify",
    title="Authorizers by token name the issuer and the audience",
    why="A token that somebody got for another service of the same issuer opens the agent otherwise.",
    remediation="Set issuer and audiences in jwt_configuration; FrontDoor does.",
    severity=Severity.HIGH,
    types=types("apigatewayv2/authorizer:Authorizer"),
    sources=("https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-jwt-authorizer.html",),
    check=check,
)
