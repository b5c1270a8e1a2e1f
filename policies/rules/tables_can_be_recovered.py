"""C26: a table can be put back to any second of the last 35 days."""

from collections.abc import Iterable

from ..framework.outcomes import Fail, Severity
from ..framework.resource import Resource
from ..framework.rule import ResourceRule, types


def check(table: Resource) -> Iterable[Fail]:
    """Off by default. Tables of agents are AG13's, which asks for more."""
    if table.tag("agent"):
        return
    if not table.view.view("pointInTimeRecovery").flag("enabled", False):
        yield Fail("it cannot be put back to a point in time.", "pointInTimeRecovery.enabled")


RULE = ResourceRule(
    id="C26",
    name="tables-can-be-recovered",
    title="Tables have point-in-time recovery",
    why="A fault that overwrites items cannot be undone otherwise.",
    remediation="Set point_in_time_recovery.",
    severity=Severity.HIGH,
    types=types("dynamodb/table:Table"),
    external={
        "Checkov": ("CKV_AWS_28",),
        "Security Hub": ("DynamoDB.2",),
        "Trivy": ("AWS-0024",),
        "cdk-nag": ("AwsSolutions-DDB3",),
    },
    sources=("https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Point-in-time-recovery.html",),
    check=check,
)
