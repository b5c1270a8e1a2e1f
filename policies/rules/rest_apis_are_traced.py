"""C36: a stage of a REST API takes part in X-Ray's traces."""

from collections.abc import Iterable

from ..framework.outcomes import Fail, Level, Severity
from ..framework.resource import Resource
from ..framework.rule import ResourceRule, types


def check(stage: Resource) -> Iterable[Fail]:
    """Off by default."""
    if not stage.view.flag("xrayTracingEnabled", False):
        yield Fail("its calls are not traced.", "xrayTracingEnabled")


RULE = ResourceRule(
    id="C36",
    name="rest-apis-are-traced",
    title="Stages of REST APIs are traced by X-Ray",
    why="Without a trace nobody can tell which step of a call was slow or failed.",
    remediation="Set xray_tracing_enabled.",
    severity=Severity.LOW,
    level=Level.PROD,
    types=types("apigateway/stage:Stage"),
    external={"Checkov": ("CKV_AWS_73",), "Security Hub": ("APIGateway.3",), "Trivy": ("AWS-0003",)},
    sources=("https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-xray.html",),
    check=check,
)
