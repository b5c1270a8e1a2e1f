"""C29b: who may use a key is written down beside it."""

from collections.abc import Iterable

from ..framework.index import StackIndex
from ..framework.outcomes import Fail, Level, Severity
from ..framework.resource import Resource
from ..framework.rule import StackRule, types
from ..framework.values import UNKNOWN
from ._keys import KEY_POLICY, KEYS
from ._related import related


def check(key: Resource, stack: StackIndex) -> Iterable[Fail]:
    """The default policy names the account's root: it is closed to strangers, and open to identities by their
    IAM policies. So it is no fault by itself, and blocks in prod alone."""
    held = (key, *related(key, stack, KEY_POLICY, by="keyId"))
    if not any(one.props.get("policy") is UNKNOWN or one.view.says("policy") for one in held):
        yield Fail("it has AWS's default policy.", "policy")


RULE = StackRule(
    id="C29b",
    name="keys-state-their-policy",
    title="KMS keys state their policy",
    why="A reader of the program cannot tell who may use the key, nor can a review of it.",
    remediation="Set policy, with the account's root among its principals so that the key stays manageable.",
    severity=Severity.LOW,
    types=types(*KEYS),
    level=Level.PROD,
    external={"Checkov": ("CKV2_AWS_64",)},
    sources=("https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html",),
    check=check,
)
