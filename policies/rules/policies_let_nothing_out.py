"""C31c: what was put away is read by name, not all of it."""

from collections.abc import Iterable

from ..framework.index import StackIndex
from ..framework.outcomes import Fail, Severity
from ..framework.resource import Resource
from ..framework.rule import StackRule, types
from ._iam_actions import EXFILTRATION
from ._open_statements import GRANTING, failures


def check(held: Resource, stack: StackIndex) -> Iterable[Fail]:
    """Answers for roles with all their policies, and for policies of no role here."""
    return failures(held, stack, EXFILTRATION, "all of the account's can be read and taken away")


RULE = StackRule(
    id="C31c",
    name="policies-let-nothing-out",
    title="Policies name the data that may be read",
    why="Whoever talks the role into it takes every secret, object and message of the account.",
    remediation="Name buckets, secrets, parameters and queues.",
    severity=Severity.CRITICAL,
    types=types(*GRANTING),
    external={"Checkov": ("CKV_AWS_288",)},
    sources=(
        "https://docs.aws.amazon.com/secretsmanager/latest/userguide/auth-and-access_iam-policies.html",
    ),
    check=check,
)
