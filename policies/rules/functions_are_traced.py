"""C04: a function takes part in X-Ray's traces."""

from collections.abc import Iterable

from ..framework.outcomes import Fail, Level, Severity
from ..framework.resource import Resource
from ..framework.rule import ResourceRule, types


def check(function: Resource) -> Iterable[Fail]:
    """AWS's default is PassThrough: a trace only where the caller began one."""
    mode = function.view.view("tracingConfig").text("mode", "PassThrough")
    if mode != "Active":
        yield Fail(f"its tracing mode is {mode}.", "tracingConfig.mode")


RULE = ResourceRule(
    id="C04",
    name="functions-are-traced",
    title="Functions are traced by X-Ray",
    why="Without a trace nobody can tell which step of a run was slow or failed.",
    remediation="Set tracing_config mode to Active, and let the role write traces.",
    severity=Severity.LOW,
    level=Level.PROD,
    types=types("lambda/function:Function"),
    external={"Checkov": ("CKV_AWS_50",), "cdk-nag": ("LambdaTracing",), "Trivy": ("AWS-0066",)},
    sources=("https://docs.aws.amazon.com/lambda/latest/dg/services-xray.html",),
    check=check,
)
