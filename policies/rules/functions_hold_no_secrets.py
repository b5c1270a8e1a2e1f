"""C07: a function's variables hold no secret."""

from collections.abc import Iterable

from ..framework.outcomes import Fail, Severity
from ..framework.resource import Resource
from ..framework.rule import ResourceRule, types
from ..framework.secret_texts import secret_in
from ..framework.values import UNKNOWN, NotKnown


def check(function: Resource) -> Iterable[Fail]:
    """Tells which variable and what kind of secret, never its value."""
    variables = function.view.view("environment").view("variables")
    unknown = ""
    for name in variables.held:
        if variables.held[name] is UNKNOWN:
            unknown = unknown or variables.at(name)
        elif kind := secret_in(name, variables.text(name)):
            yield Fail(f"the variable holds {kind}.", variables.at(name))
    if unknown:
        raise NotKnown(unknown)


RULE = ResourceRule(
    id="C07",
    name="functions-hold-no-secrets",
    title="Variables of functions hold no secret",
    why="Whoever may look at the function, its state or its template reads them, and they cannot be rotated.",
    remediation="Keep the value in Secrets Manager, give the function its ARN, and rotate what was shown.",
    severity=Severity.CRITICAL,
    types=types("lambda/function:Function"),
    external={"Checkov": ("CKV_AWS_45",)},
    sources=("https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html",),
    check=check,
)
