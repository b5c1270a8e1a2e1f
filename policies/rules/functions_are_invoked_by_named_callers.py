"""C01: a function lets named callers in; a service's principal says on whose behalf."""

from collections.abc import Iterable

from ..framework.outcomes import Fail, Severity
from ..framework.resource import Resource
from ..framework.rule import ResourceRule, types
from ..framework.values import UNKNOWN, View
from ._resource_policies import is_any

_LIMITS = ("sourceArn", "sourceAccount", "principalOrgId")


def check(permission: Resource) -> Iterable[Fail]:
    """A service calls for any account's resources unless it is limited: the confused deputy."""
    view, principal = permission.view, permission.view.text("principal")
    if principal == "*" and not _limits(view, "principalOrgId"):
        yield Fail("everyone may invoke the function.", "principal")
    elif principal.endswith((".amazonaws.com", ".amazonaws.com.cn")) and not any(
        _limits(view, limit) for limit in _LIMITS
    ):
        yield Fail(f"{principal} may invoke the function for any account.", "sourceArn")


def _limits(view: View, key: str) -> bool:
    """A value that is unknown is some resource's or account's, whichever."""
    return view.held.get(key) is UNKNOWN or (view.says(key) and not is_any(view.text(key)))


RULE = ResourceRule(
    id="C01",
    name="functions-are-invoked-by-named-callers",
    title="Permissions to invoke a function name the caller",
    why="A stranger's bucket, topic or API can otherwise run the function.",
    remediation="Name an account or a role, or set source_arn or source_account beside a service.",
    severity=Severity.CRITICAL,
    types=types("lambda/permission:Permission"),
    external={
        "Checkov": ("CKV_AWS_301", "CKV_AWS_364"),
        "Security Hub": ("Lambda.1",),
        "cdk-nag": ("LambdaFunctionPublicAccessProhibited",),
    },
    sources=("https://docs.aws.amazon.com/lambda/latest/dg/permissions-function-services.html",),
    check=check,
)
