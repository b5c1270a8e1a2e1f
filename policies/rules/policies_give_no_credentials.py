"""C31b: nothing that answers with credentials is allowed for whomever."""

from collections.abc import Iterable

from ..framework.index import StackIndex
from ..framework.outcomes import Fail, Severity
from ..framework.resource import Resource
from ..framework.rule import StackRule, types
from ._iam_actions import CREDENTIALS
from ._open_statements import GRANTING, failures


def check(held: Resource, stack: StackIndex) -> Iterable[Fail]:
    """Answers for roles with all their policies, and for policies of no role here."""
    return failures(held, stack, CREDENTIALS, "credentials of anybody are handed out")


RULE = StackRule(
    id="C31b",
    name="policies-give-no-credentials",
    title="Policies allow no credentials of everybody",
    why="Credentials outlive the call that asked for them, and tell nobody who uses them.",
    remediation="Name the role, user or database, or take the action out.",
    severity=Severity.CRITICAL,
    types=types(*GRANTING),
    external={"Checkov": ("CKV_AWS_287",)},
    sources=("https://docs.aws.amazon.com/IAM/latest/UserGuide/best-practices.html",),
    check=check,
)
