"""C29: keys are rotated, in use, and not everyone's; a deletion can be taken back."""

from collections.abc import Iterable

from ..framework.documents import statements
from ..framework.index import StackIndex
from ..framework.outcomes import Fail, Severity
from ..framework.resource import Resource
from ..framework.rule import StackRule, types

_SYMMETRIC = ("", "SYMMETRIC_DEFAULT")
_SHORTEST = 7


def check(key: Resource, stack: StackIndex) -> Iterable[Fail]:
    """Rotation is off by default, and only symmetric keys of KMS's own material have it."""
    view = key.view
    rotates = view.text("customerMasterKeySpec") in _SYMMETRIC and not view.says("customKeyStoreId")
    if rotates and not view.flag("enableKeyRotation", False):
        yield Fail("it is never rotated.", "enableKeyRotation")
    if not view.flag("isEnabled", True):
        yield Fail("it is disabled: what it encrypted cannot be read.", "isEnabled")
    days = view.number("deletionWindowInDays", 30) or 0
    if days < _SHORTEST:
        yield Fail(
            f"a deletion can be taken back for {days:g} days; AWS takes {_SHORTEST} or more.",
            "deletionWindowInDays",
        )
    held = [(key, statement) for statement in statements(view.value("policy"), "policy")]
    for policy in stack.referring(key, "aws:kms/keyPolicy:KeyPolicy", by=("keyId",)):
        held += [(policy, statement) for statement in statements(policy.view.value("policy"), "policy")]
    for holder, statement in held:
        if statement.allows and statement.anyone and not statement.conditions:
            yield Fail("everyone may use it.", statement.path, holder.urn)


RULE = StackRule(
    id="C29",
    name="keys-are-rotated-and-owned",
    title="KMS keys are rotated, enabled, and closed to everyone",
    why="All else that is encrypted is as safe as its key.",
    remediation="Set enable_key_rotation, name principals in the policy, and keep the deletion window.",
    severity=Severity.HIGH,
    types=types("kms/key:Key"),
    external={
        "Checkov": ("CKV_AWS_7", "CKV_AWS_33", "CKV_AWS_227"),
        "Security Hub": ("KMS.3", "KMS.4", "KMS.5"),
        "Trivy": ("AWS-0065",),
        "cdk-nag": ("AwsSolutions-KMS5",),
    },
    sources=(
        "https://docs.aws.amazon.com/kms/latest/developerguide/rotate-keys.html",
        "https://docs.aws.amazon.com/kms/latest/developerguide/deleting-keys.html",
    ),
    check=check,
)
