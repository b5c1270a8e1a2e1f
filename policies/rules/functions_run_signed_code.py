"""C09: a function takes signed code alone."""

from collections.abc import Iterable

from ..framework.outcomes import Fail, Level, Severity
from ..framework.resource import Resource
from ..framework.rule import ResourceRule, types
from ._functions import is_image


def check(function: Resource) -> Iterable[Fail]:
    """Lambda does not check the signatures of images. By default it checks none at all."""
    if not is_image(function) and not function.view.says("codeSigningConfigArn"):
        yield Fail("it takes any code that is uploaded.", "codeSigningConfigArn")


RULE = ResourceRule(
    id="C09",
    name="functions-run-signed-code",
    title="Functions take signed code alone",
    why="Whoever may upload code decides what the agent does.",
    remediation="Set code_signing_config_arn, where a signing profile is at hand.",
    severity=Severity.LOW,
    level=Level.ADVISORY,
    types=types("lambda/function:Function"),
    external={"Checkov": ("CKV_AWS_272",)},
    sources=("https://docs.aws.amazon.com/lambda/latest/dg/configuration-codesigning.html",),
    check=check,
)
