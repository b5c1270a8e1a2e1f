"""C35c: an API speaks HTTPS to what is behind it."""

from collections.abc import Iterable

from ..framework.outcomes import Fail, Severity
from ..framework.resource import Resource
from ..framework.rule import ResourceRule, types


def check(integration: Resource) -> Iterable[Fail]:
    """Functions and services of AWS are called by HTTPS. Through a VPC link it takes a TLS configuration:
    by default the call is plain HTTP."""
    view = integration.view
    if not view.text("integrationType").startswith("HTTP"):
        return
    if view.text("connectionType", "INTERNET") == "VPC_LINK":
        if not view.view("tlsConfig").says("serverNameToVerify"):
            yield Fail("what goes through the VPC link is not encrypted.", "tlsConfig")
    elif (address := view.text("integrationUri")).lower().startswith("http://"):
        yield Fail(f"it calls {address} in plain text.", "integrationUri")


RULE = ResourceRule(
    id="C35c",
    name="apis-speak-https-behind",
    title="APIs call what is behind them by HTTPS",
    why="Tokens and prompts can otherwise be read on the way.",
    remediation="Give an https address, or tls_config beside a VPC link.",
    severity=Severity.HIGH,
    types=types("apigatewayv2/integration:Integration"),
    external={"Security Hub": ("APIGateway.10",)},
    sources=(
        "https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-private.html",
        "https://docs.aws.amazon.com/securityhub/latest/userguide/apigateway-controls.html",
    ),
    check=check,
)
