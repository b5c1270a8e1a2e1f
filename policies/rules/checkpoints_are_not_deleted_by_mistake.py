"""AG13b: deleting the table that an agent resumes from takes two decisions."""

from collections.abc import Iterable

from ..framework.outcomes import Fail, Level, Severity
from ..framework.resource import Resource
from ..framework.rule import ResourceRule, types
from ._roles import is_agents
from ._tables import TABLE


def check(table: Resource) -> Iterable[Fail]:
    """Answers for tables with the tag `agent`. Off by default. Pulumi's `protect` stops Pulumi alone, and
    `retainOnDelete` the engine does not tell of: neither counts."""
    if is_agents(table) and not table.view.flag("deletionProtectionEnabled", False):
        yield Fail("one call deletes it.", "deletionProtectionEnabled")


RULE = ResourceRule(
    id="AG13b",
    name="checkpoints-are-not-deleted-by-mistake",
    title="Tables of agents are protected from deletion",
    why="With the table go all runs that wait, and all that a person has approved.",
    remediation="Set deletion_protection_enabled; CheckpointTable does with retain_data.",
    severity=Severity.MEDIUM,
    types=types(TABLE),
    level=Level.PROD,
    external={"AWS Well-Architected": ("AGENTREL03-BP03",), "Security Hub": ("DynamoDB.6",)},
    sources=(
        "https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/WorkingWithTables.Basics.html",
    ),
    check=check,
)
