"""C27c: a table's capacity follows what is asked of it."""

from collections import defaultdict
from collections.abc import Iterable

from ..framework.index import StackIndex
from ..framework.outcomes import Fail, Level, Severity
from ..framework.resource import Resource
from ..framework.rule import StackRule, types
from ._tables import TABLE

_TARGET = "aws:appautoscaling/target:Target"
_BOTH = {"dynamodb:table:ReadCapacityUnits", "dynamodb:table:WriteCapacityUnits"}


def check(table: Resource, stack: StackIndex) -> Iterable[Fail]:
    """The default is a capacity that somebody sets by hand."""
    if table.view.text("billingMode", "PROVISIONED") == "PAY_PER_REQUEST":
        return
    scaled = stack.once(_scaled)
    found = scaled[table.urn] | scaled[f"table/{table.view.text('name') or table.name}"]
    if missing := sorted(_BOTH - found):
        told = " and ".join(dimension.rpartition(":")[2] for dimension in missing)
        yield Fail(f"it is not on demand, and nothing scales {told}.", "billingMode")


def _scaled(stack: StackIndex) -> defaultdict[str, set[str]]:
    """Scaled dimensions by a table's URN, or by the id that Application Auto Scaling knows it by."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for target in stack.of(_TARGET):
        if (dimension := target.props.get("scalableDimension")) not in _BOTH:
            continue
        for table in stack.referred(target, "resourceId", TABLE):
            found[table.urn].add(dimension)
        if isinstance(named := target.props.get("resourceId"), str):
            found[named].add(dimension)
    return found


RULE = StackRule(
    id="C27c",
    name="tables-grow-with-load",
    title="Tables are on demand, or scale their reads and writes",
    why="A burst of runs is throttled, and each throttled step is tried and paid for again.",
    remediation="Set billing_mode to PAY_PER_REQUEST, or make scaling targets for both dimensions.",
    severity=Severity.MEDIUM,
    types=types(TABLE),
    level=Level.PROD,
    external={
        "Checkov": ("CKV2_AWS_16",),
        "Security Hub": ("DynamoDB.1",),
        "cdk-nag": ("DynamoDBAutoScalingEnabled",),
    },
    sources=(
        "https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/capacity-mode.html",
        "https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/AutoScaling.html",
    ),
    check=check,
)
