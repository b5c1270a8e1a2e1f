"""C29: keys are rotated, in use, and not everyone's; a deletion can be taken back."""

from collections.abc import Iterable

from ..framework.index import StackIndex
from ..framework.outcomes import Fail, Severity
from ..framework.resource import Resource
from ..framework.rule import StackRule, types
from ._keys import KEY, KEYS, key_policy
from ._resource_policies import lets_everyone_in

_SYMMETRIC = ("", "SYMMETRIC_DEFAULT")
_SHORTEST = 7


def check(key: Resource, stack: StackIndex) -> Iterable[Fail]:
    """Rotation is off by default, and only symmetric keys of KMS's own material have it; a replica's is its
    primary's. A key without a policy is the account's, whose IAM policies decide."""
    view = key.view
    rotates = (
        key.type == KEY
        and view.text("customerMasterKeySpec") in _SYMMETRIC
        and not view.says("customKeyStoreId")
    )
    if rotates and not view.flag("enableKeyRotation", False):
        yield Fail("it is never rotated.", "enableKeyRotation")
    switch = "isEnabled" if key.type == KEY else "enabled"
    if not view.flag(switch, True):
        yield Fail("it is disabled: what it encrypted cannot be read.", switch)
    days = view.number("deletionWindowInDays", 30) or 0
    if days < _SHORTEST:
        yield Fail(
            f"a deletion can be taken back for {days:g} days; AWS takes {_SHORTEST} or more.",
            "deletionWindowInDays",
        )
    if view.flag("bypassPolicyLockoutSafetyCheck", False):
        yield Fail("AWS may not refuse a policy that locks everyone out.", "bypassPolicyLockoutSafetyCheck")
    for statement, holder in key_policy(key, stack):
        if lets_everyone_in(statement):
            yield Fail("everyone may use it.", statement.path, holder.urn)


RULE = StackRule(
    id="C29",
    name="keys-are-rotated-and-owned",
    title="KMS keys are rotated, enabled, and closed to everyone",
    why="All else that is encrypted is as safe as its key.",
    remediation="Set enable_key_rotation, name principals in the policy, and keep the deletion window.",
    severity=Severity.HIGH,
    types=types(*KEYS),
    external={
        "Checkov": ("CKV_AWS_7", "CKV_AWS_33", "CKV_AWS_227"),
        "Security Hub": ("KMS.3", "KMS.4", "KMS.5"),
        "Trivy": ("AWS-0065",),
        "cdk-nag": ("AwsSolutions-KMS5",),
    },
    sources=(
        "https://docs.aws.amazon.com/kms/latest/developerguide/rotate-keys.html",
        "https://docs.aws.amazon.com/kms/latest/developerguide/deleting-keys.html",
        "https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html",
    ),
    check=check,
)
