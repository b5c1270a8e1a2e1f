"""C05: a function says how many of its calls run at one time."""

from collections.abc import Iterable

from ..framework.outcomes import Fail, Level, Severity
from ..framework.resource import Resource
from ..framework.rule import ResourceRule, types
from ._functions import UNRESERVED


def check(function: Resource) -> Iterable[Fail]:
    """By default, and with -1, it may take all that the account has. 0 stops it, which is a choice too."""
    if function.view.number("reservedConcurrentExecutions", UNRESERVED) == UNRESERVED:
        yield Fail("it may take the whole account's concurrency.", "reservedConcurrentExecutions")


RULE = ResourceRule(
    id="C05",
    name="functions-reserve-concurrency",
    title="Functions have a reserved concurrency",
    why="A flood of calls to one function stops all others of the account, and costs without bound.",
    remediation="Set reserved_concurrent_executions.",
    severity=Severity.MEDIUM,
    level=Level.PROD,
    types=types("lambda/function:Function"),
    external={"Checkov": ("CKV_AWS_115",), "cdk-nag": ("LambdaConcurrency",)},
    sources=("https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html",),
    check=check,
)
