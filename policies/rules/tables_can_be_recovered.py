"""C26: a table and each of its copies can be put back to any second of the last 35 days."""

from collections.abc import Iterable

from ..framework.outcomes import Fail, Severity
from ..framework.resource import Resource
from ..framework.rule import ResourceRule, types
from ._tables import REPLICA, TABLE, copies


def check(table: Resource) -> Iterable[Fail]:
    """Off by default, in each region. Tables of agents are AG13's, which asks for more; their copies are
    judged here."""
    if (
        table.type == TABLE
        and not table.tag("agent")
        and not table.view.view("pointInTimeRecovery").flag("enabled", False)
    ):
        yield Fail("it cannot be put back to a point in time.", "pointInTimeRecovery.enabled")
    for copy in copies(table):
        if not copy.flag("pointInTimeRecovery", False):
            told = f"its copy in {copy.text('regionName')}" if copy.path else "the copy"
            yield Fail(f"{told} cannot be put back to a point in time.", copy.at("pointInTimeRecovery"))


RULE = ResourceRule(
    id="C26",
    name="tables-can-be-recovered",
    title="Tables and their copies have point-in-time recovery",
    why="A fault that overwrites items cannot be undone otherwise.",
    remediation="Set point_in_time_recovery, in each of the replicas too.",
    severity=Severity.HIGH,
    types=types(TABLE, REPLICA),
    external={
        "Checkov": ("CKV_AWS_28", "CKV_AWS_165"),
        "Security Hub": ("DynamoDB.2",),
        "Trivy": ("AWS-0024",),
        "cdk-nag": ("AwsSolutions-DDB3",),
    },
    sources=("https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Point-in-time-recovery.html",),
    check=check,
)
