"""C08: a function runs in a network of one's own."""

from collections.abc import Iterable

from ..framework.outcomes import Fail, Level, Severity
from ..framework.resource import Resource
from ..framework.rule import ResourceRule, types
from ..framework.values import UNKNOWN


def check(function: Resource) -> Iterable[Fail]:
    """By default a function runs in a network of AWS's, from which it reaches the whole internet."""
    config = function.view.held.get("vpcConfig")
    if config is not UNKNOWN and not function.view.view("vpcConfig").says("subnetIds"):
        yield Fail("it reaches the whole internet.", "vpcConfig")


RULE = ResourceRule(
    id="C08",
    name="functions-are-in-a-network",
    title="Functions run in a network of your own",
    why="Security groups and flow logs hold and show only what goes through a network of your own.",
    remediation="Set vpc_config, where what the function calls is worth the price of a network.",
    severity=Severity.LOW,
    level=Level.ADVISORY,
    types=types("lambda/function:Function"),
    external={"Checkov": ("CKV_AWS_117",), "cdk-nag": ("LambdaInsideVPC",), "Security Hub": ("Lambda.3",)},
    sources=("https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html",),
    check=check,
)
