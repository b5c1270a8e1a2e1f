"""C30: no policy allows everything, and none of AWS's own that do is attached."""

from collections.abc import Iterable, Iterator

from ..framework.documents import Statement, statements
from ..framework.outcomes import Fail, Severity
from ..framework.resource import Resource
from ..framework.rule import ResourceRule, types

_MANAGED = ("/AdministratorAccess", "/IAMFullAccess", "/PowerUserAccess")
_OWN = ("policy", "RolePolicy", "UserPolicy", "GroupPolicy")
_BOUND = ("RolePolicyAttachment", "UserPolicyAttachment", "GroupPolicyAttachment", "PolicyAttachment")


def check(held: Resource) -> Iterable[Fail]:
    """Answers for policies by themselves, inline in roles, and as attachments."""
    for statement in _statements(held):
        if not statement.allows or "*" not in statement.resources:
            continue
        wide = [action for action in statement.actions if action == "*" or action.endswith(":*")]
        if wide or statement.not_actions:
            told = ", ".join(wide) or "all but a few actions"
            yield Fail(f"{told} on every resource are allowed.", statement.path)
    arns = [held.view.text("policyArn")] if "Attachment" in held.type else []
    arns += held.view.texts("managedPolicyArns")
    for arn in arns:
        if arn.endswith(_MANAGED):
            yield Fail(f"{arn.rpartition('/')[2]} is attached.", "policyArn")


def _statements(held: Resource) -> Iterator[Statement]:
    if "Attachment" not in held.type:
        yield from statements(held.view.value("policy"), "policy")
    for policy in held.view.views("inlinePolicies"):
        yield from statements(policy.value("policy"), policy.at("policy"))


RULE = ResourceRule(
    id="C30",
    name="iam-policies-are-bounded",
    title="IAM policies allow no whole service on every resource",
    why="Whoever takes such a role over has the account.",
    remediation="Name actions and resources.",
    severity=Severity.CRITICAL,
    types=types(
        "iam/role:Role",
        *(f"iam/{kind[0].lower()}{kind[1:]}:{kind[0].upper()}{kind[1:]}" for kind in (*_OWN, *_BOUND)),
    ),
    external={
        "Checkov": ("CKV_AWS_62", "CKV_AWS_63", "CKV_AWS_274", "CKV2_AWS_40", "CKV2_AWS_56"),
        "Security Hub": ("IAM.1", "IAM.21"),
        "cdk-nag": ("AwsSolutions-IAM5",),
    },
    sources=("https://docs.aws.amazon.com/IAM/latest/UserGuide/best-practices.html",),
    check=check,
)
