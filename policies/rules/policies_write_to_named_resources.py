"""C31e: what can name what it changes does."""

from collections.abc import Iterable

from ..framework.index import StackIndex
from ..framework.outcomes import Fail, Severity
from ..framework.resource import Resource
from ..framework.rule import StackRule, types
from ._iam_actions import WRITES
from ._open_statements import GRANTING, grants, whole


def check(held: Resource, stack: StackIndex) -> Iterable[Fail]:
    """Answers for roles with all their policies, and for policies of no role here. A kind of one account, as
    in `function:*`, bounds a write."""
    for grant in grants(held, stack):
        if not grant.statement.not_resources and not any(map(whole, grant.statement.resources)):
            continue
        if found := [action for action in WRITES if grant.allows(action)]:
            more = f" and {len(found) - 3} more" if len(found) > 3 else ""
            told = f"any resource can be changed: {', '.join(found[:3])}{more}."
            yield Fail(told, grant.statement.path, grant.holder.urn)


RULE = StackRule(
    id="C31e",
    name="policies-write-to-named-resources",
    title="Policies name the resources that may be changed",
    why="A fault or a stranger changes what belongs to others, in the whole account.",
    remediation="Name ARNs, or bound the statement by a condition on tags, keys or paths.",
    severity=Severity.HIGH,
    types=types(*GRANTING),
    external={"Checkov": ("CKV_AWS_290",)},
    sources=("https://docs.aws.amazon.com/IAM/latest/UserGuide/best-practices.html",),
    check=check,
)
