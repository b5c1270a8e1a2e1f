"""C27b: deleting a table takes two decisions."""

from collections.abc import Iterable

from ..framework.outcomes import Fail, Level, Severity
from ..framework.resource import Resource
from ..framework.rule import ResourceRule, types
from ._tables import REPLICA, TABLE


def check(table: Resource) -> Iterable[Fail]:
    """Off by default. Tables of agents are AG13b's."""
    if table.type == TABLE and table.tag("agent"):
        return
    if not table.view.flag("deletionProtectionEnabled", False):
        yield Fail("one call deletes it.", "deletionProtectionEnabled")


RULE = ResourceRule(
    id="C27b",
    name="tables-are-not-deleted-by-mistake",
    title="Tables are protected from deletion",
    why="A renamed resource or a mistaken destroy takes the data with it.",
    remediation="Set deletion_protection_enabled.",
    severity=Severity.MEDIUM,
    types=types(TABLE, REPLICA),
    level=Level.PROD,
    external={"Security Hub": ("DynamoDB.6",)},
    sources=(
        "https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/WorkingWithTables.Basics.html",
    ),
    check=check,
)
