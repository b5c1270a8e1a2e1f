"""C34: people and programs come by roles, not as users with keys that last."""

from collections.abc import Iterable

from ..framework.outcomes import Fail, Severity
from ..framework.resource import Resource
from ..framework.rule import ResourceRule, types

_TOLD = {
    "AccessKey": "a key that lasts until somebody deletes it, and its secret lies in the stack's state.",
    "ServiceSpecificCredential": "a key of one service that lasts until somebody deletes it.",
    "SigningCertificate": "a certificate that signs as a user for years.",
    "SshKey": "a key that opens repositories as a user until somebody deletes it.",
    "User": "a user, where a role would do.",
    "UserGroupMembership": "rights of a user, by his groups.",
    "UserLoginProfile": "a password of a user.",
    "UserPoliciesExclusive": "rights of a user.",
    "UserPolicy": "rights of a user.",
    "UserPolicyAttachment": "rights of a user.",
    "UserPolicyAttachmentsExclusive": "rights of a user.",
}


def check(held: Resource) -> Iterable[Fail]:
    """Answers for users, what lets them in and what they may do. A group is judged by who is in it."""
    kind = held.type.rpartition(":")[2]
    if kind == "PolicyAttachment":
        if held.view.items("users"):
            yield Fail("it gives rights to users.", "users")
    elif kind == "GroupMembership":
        if held.view.items("users"):
            yield Fail("it gives users the rights of a group.", "users")
    else:
        yield Fail(f"it is {_TOLD[kind]}")


RULE = ResourceRule(
    id="C34",
    name="nobody-has-keys-for-years",
    title="There are no IAM users, nor keys, passwords or rights of such",
    why="A key that lasts is stolen once and used for years; a role's credentials end within hours.",
    remediation=(
        "Let people in by IAM Identity Center, pipelines by OIDC, and programs by the role they run with."
    ),
    severity=Severity.HIGH,
    types=types(
        "iam/groupMembership:GroupMembership",
        "iam/policyAttachment:PolicyAttachment",
        *(f"iam/{kind[0].lower()}{kind[1:]}:{kind}" for kind in _TOLD),
    ),
    external={"Checkov": ("CKV_AWS_273",), "Security Hub": ("IAM.2",), "cdk-nag": ("IAMUserNoPolicies",)},
    sources=("https://docs.aws.amazon.com/IAM/latest/UserGuide/best-practices.html",),
    check=check,
)
