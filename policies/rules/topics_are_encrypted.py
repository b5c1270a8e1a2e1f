"""C17: what is published is encrypted where it lies."""

from collections.abc import Iterable

from ..framework.outcomes import Fail, Severity
from ..framework.resource import Resource
from ..framework.rule import ResourceRule, types
from ._topics import TOPIC


def check(topic: Resource) -> Iterable[Fail]:
    """Off unless a key is named."""
    if not topic.view.text("kmsMasterKeyId"):
        yield Fail("no key of KMS encrypts its messages.", "kmsMasterKeyId")


RULE = ResourceRule(
    id="C17",
    name="topics-are-encrypted",
    title="Topics encrypt their messages by KMS",
    why="Alerts tell what an agent does, and messages what callers said to it.",
    remediation="Set kms_master_key_id to a key of your own; AWS services cannot publish by alias/aws/sns.",
    severity=Severity.HIGH,
    types=types(TOPIC),
    external={
        "Checkov": ("CKV_AWS_26",),
        "Security Hub": ("SNS.1",),
        "Trivy": ("AWS-0095",),
        "cdk-nag": ("SNSEncryptedKMS",),
    },
    sources=("https://docs.aws.amazon.com/sns/latest/dg/sns-server-side-encryption.html",),
    check=check,
)
