"""C07b: a key of one's own encrypts a function's variables."""

from collections.abc import Iterable

from ..framework.outcomes import Fail, Level, Severity
from ..framework.resource import Resource
from ..framework.rule import ResourceRule, types
from ..framework.values import UNKNOWN
from ._own_keys import has_own_key


def check(function: Resource) -> Iterable[Fail]:
    """By default AWS's own key does. A function without variables has nothing to encrypt."""
    environment = function.view.held.get("environment")
    if environment is not UNKNOWN and not function.view.view("environment").says("variables"):
        return
    if not has_own_key(function.view, "kmsKeyArn"):
        yield Fail("AWS's own key encrypts its variables.", "kmsKeyArn")


RULE = ResourceRule(
    id="C07b",
    name="variables-are-encrypted-by-own-keys",
    title="Keys of one's own encrypt the variables of functions",
    why="Only with a key of one's own can reading them be refused and be seen.",
    remediation="Set kms_key_arn.",
    severity=Severity.LOW,
    level=Level.PROD,
    types=types("lambda/function:Function"),
    external={"Checkov": ("CKV_AWS_173",)},
    sources=("https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars-encryption.html",),
    check=check,
)
