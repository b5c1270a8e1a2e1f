"""AG13: the table that an agent resumes from can be put back to any second, and empties itself."""

from collections.abc import Iterable

from ..framework.outcomes import Fail, Severity
from ..framework.resource import Resource
from ..framework.rule import ResourceRule, types
from ._roles import is_agents
from ._tables import TABLE


def check(table: Resource) -> Iterable[Fail]:
    """Answers for tables with the tag `agent`. Both are off by default."""
    if not is_agents(table):
        return
    if not table.view.view("pointInTimeRecovery").flag("enabled", False):
        yield Fail("it cannot be put back to a point in time.", "pointInTimeRecovery.enabled")
    ttl = table.view.view("ttl")
    if not ttl.flag("enabled", False) or not ttl.text("attributeName"):
        yield Fail("nothing in it ever expires.", "ttl")


RULE = ResourceRule(
    id="AG13",
    name="checkpoints-can-be-recovered",
    title="Tables of agents have point-in-time recovery and a time to live",
    why="Runs resume from this table; what a fault wrote over it, and what nobody needs any more, must go.",
    remediation="Set point_in_time_recovery and ttl with its attribute_name; CheckpointTable does.",
    severity=Severity.HIGH,
    types=types(TABLE),
    external={
        "AWS Well-Architected": ("AGENTREL03-BP03",),
        "Checkov": ("CKV_AWS_28",),
        "Security Hub": ("DynamoDB.2",),
    },
    sources=(
        "https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Point-in-time-recovery.html",
        "https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/TTL.html",
    ),
    check=check,
)
