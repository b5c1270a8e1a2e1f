"""C31d: who may do what is changed on named resources alone."""

from collections.abc import Iterable

from ..framework.index import StackIndex
from ..framework.outcomes import Fail, Severity
from ..framework.resource import Resource
from ..framework.rule import StackRule, types
from ._iam_actions import PERMISSIONS
from ._open_statements import GRANTING, failures


def check(held: Resource, stack: StackIndex) -> Iterable[Fail]:
    """Answers for roles with all their policies, and for policies of no role here."""
    return failures(held, stack, PERMISSIONS, "rights of anything can be changed")


RULE = StackRule(
    id="C31d",
    name="policies-manage-no-permissions",
    title="Policies change rights of named resources alone",
    why="A role that writes rights has, in the end, all of them.",
    remediation="Name the resources, or leave rights to the pipeline that deploys.",
    severity=Severity.CRITICAL,
    types=types(*GRANTING),
    external={"Checkov": ("CKV_AWS_289",)},
    sources=("https://docs.aws.amazon.com/IAM/latest/UserGuide/best-practices.html",),
    check=check,
)
