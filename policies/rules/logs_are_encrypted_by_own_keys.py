"""C37c: a key of one's own encrypts log groups."""

from collections.abc import Iterable

from ..framework.outcomes import Fail, Level, Severity
from ..framework.resource import Resource
from ..framework.rule import ResourceRule, types
from ._logs import GROUP
from ._own_keys import has_own_key


def check(group: Resource) -> Iterable[Fail]:
    """By default a key of CloudWatch does, which nobody of the account sees."""
    if not has_own_key(group.view, "kmsKeyId"):
        yield Fail("CloudWatch's own key encrypts it.", "kmsKeyId")


RULE = ResourceRule(
    id="C37c",
    name="logs-are-encrypted-by-own-keys",
    title="Keys of one's own encrypt log groups",
    why="Only with a key of one's own can reading what agents were told be refused and be seen.",
    remediation="Set kms_key_id, and let CloudWatch Logs use the key by its policy.",
    severity=Severity.LOW,
    level=Level.PROD,
    types=types(GROUP),
    external={
        "Checkov": ("CKV_AWS_158",),
        "Trivy": ("AWS-0017",),
        "cdk-nag": ("CloudWatchLogGroupEncrypted",),
    },
    sources=("https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html",),
    check=check,
)
