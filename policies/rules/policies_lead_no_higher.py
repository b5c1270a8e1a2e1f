"""C31: nobody can lift himself above what he was given."""

from collections.abc import Iterable

from ..framework.index import StackIndex
from ..framework.outcomes import Fail, Severity
from ..framework.resource import Resource
from ..framework.rule import StackRule, types
from ._iam_actions import ESCALATIONS
from ._open_statements import GRANTING, grants


def check(held: Resource, stack: StackIndex) -> Iterable[Fail]:
    """Answers for roles with all their policies, since one may pass a role and another start what takes
    it."""
    for reached, actions in ESCALATIONS.items():
        by = [next((g for g in grants(held, stack) if g.allows(action)), None) for action in actions]
        first = by[0]
        if first is not None and None not in by:
            told = f"it leads to {reached}: {' with '.join(actions)} on whatever there is."
            yield Fail(told, first.statement.path, first.holder.urn)


RULE = StackRule(
    id="C31",
    name="policies-lead-no-higher",
    title="Policies lead nobody to rights that he was not given",
    why="With one such action, whoever has the role has the account.",
    remediation="Name the roles, users and functions that these actions may reach, and iam:PassedToService.",
    severity=Severity.CRITICAL,
    types=types(*GRANTING),
    external={"Checkov": ("CKV_AWS_286",)},
    sources=("https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_passrole.html",),
    check=check,
)
