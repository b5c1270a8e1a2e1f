"""C27d: a backup plan of this stack takes a table in, by its ARN or by its tags."""

from collections.abc import Iterable, Iterator

from ..framework.index import StackIndex
from ..framework.outcomes import Fail, Level, Severity
from ..framework.patterns import matches
from ..framework.resource import Resource
from ..framework.rule import StackRule, types
from ..framework.values import UNKNOWN, View
from ._tables import TABLE

_SELECTION = "aws:backup/selection:Selection"
_TAG = "aws:ResourceTag/"


def check(table: Resource, stack: StackIndex) -> Iterable[Fail]:
    """Backups end with nothing but a plan: point-in-time recovery reaches back 35 days and dies with the
    table. A plan of the whole organization is not seen from here: waive the rule for it."""
    selections = stack.of(_SELECTION)
    if not any(_takes(selection, table, stack) for selection in selections):
        yield Fail("no backup plan of this stack takes it in.")


def _takes(selection: Resource, table: Resource, stack: StackIndex) -> bool:
    view = selection.view
    by_name, left_out = stack.once(_named)[selection.urn]
    if table.urn in left_out:
        return False
    named = table.urn in by_name
    if not named and selection.props.get("resources") is not UNKNOWN:
        arn = table.props.get("arn")
        held = view.texts("resources")
        named = any(matches(pattern, arn if isinstance(arn, str) else "") for pattern in held)
    tagged = list(view.views("selectionTags"))
    if any(table.tag(tag.text("key")) == tag.text("value") for tag in tagged):
        return True
    conditions = list(_conditions(view))
    if not (named or (conditions and not view.says("resources"))):
        return False
    return all(matches(pattern, table.tag(key)) is wanted for key, pattern, wanted in conditions)


def _named(stack: StackIndex) -> dict[str, tuple[set[str], set[str]]]:
    """URNs of the tables that each selection names, and of those that it leaves out."""
    keys = ("resources", "notResources")
    return {
        one.urn: (
            {t.urn for t in stack.referred(one, keys[0], TABLE)},
            {t.urn for t in stack.referred(one, keys[1], TABLE)},
        )
        for one in stack.of(_SELECTION)
    }


def _conditions(selection: View) -> Iterator[tuple[str, str, bool]]:
    """Tag, pattern, and whether the tag must be like it. All of them must hold."""
    for held in selection.views("conditions"):
        for operator in ("stringEquals", "stringLikes", "stringNotEquals", "stringNotLikes"):
            for one in held.views(operator):
                yield one.text("key").removeprefix(_TAG), one.text("value"), "Not" not in operator


RULE = StackRule(
    id="C27d",
    name="tables-are-backed-up",
    title="Tables are in a backup plan",
    why="What went with its table, or was wrong for over 35 days, only a backup brings back.",
    remediation="Make a backup plan with a selection that names the table or its tags.",
    severity=Severity.LOW,
    types=types(TABLE),
    level=Level.PROD,
    external={"Security Hub": ("DynamoDB.4",), "cdk-nag": ("DynamoDBInBackupPlan",)},
    sources=(
        "https://docs.aws.amazon.com/aws-backup/latest/devguide/assigning-resources.html",
        "https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Point-in-time-recovery.html",
    ),
    check=check,
)
