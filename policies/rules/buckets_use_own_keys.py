"""C44c: objects are encrypted by a key whose users the account names."""

from collections.abc import Iterable, Iterator

from ..framework.index import StackIndex
from ..framework.outcomes import Fail, Level, Severity
from ..framework.resource import Resource
from ..framework.rule import StackRule, types
from ..framework.values import View
from ._buckets import BUCKETS, settings, takes_logs
from ._own_keys import has_own_key

_KIND = "ServerSideEncryptionConfiguration"
_INLINE = ("serverSideEncryptionConfiguration", "serverSideEncryptionConfigurations")


def check(bucket: Resource, stack: StackIndex) -> Iterable[Fail]:
    """The default is AES256, by keys of S3. A bucket of access logs can have no other."""
    if takes_logs(bucket, stack):
        return
    for chosen in _defaults(bucket, stack):
        if chosen.text("sseAlgorithm").startswith("aws:kms") and has_own_key(chosen, "kmsMasterKeyId"):
            return
    yield Fail("no key of the account's encrypts its objects.", "serverSideEncryptionConfiguration")


def _defaults(bucket: Resource, stack: StackIndex) -> Iterator[View]:
    """Types and ages of buckets differ in where they say one and where many."""
    for held, _ in settings(bucket, stack, _KIND, *_INLINE):
        for rule in (*held.views("rule"), *held.views("rules")):
            yield from rule.views("applyServerSideEncryptionByDefault")
            yield from rule.views("applyServerSideEncryptionByDefaults")


RULE = StackRule(
    id="C44c",
    name="buckets-use-own-keys",
    title="Buckets encrypt by customer managed keys",
    why="Who may read objects is then decided twice, and each use of the key is in CloudTrail.",
    remediation="Set server-side encryption to aws:kms with kms_master_key_id, and a bucket key.",
    severity=Severity.MEDIUM,
    types=types(*BUCKETS),
    level=Level.PROD,
    external={"Checkov": ("CKV_AWS_145",), "Security Hub": ("S3.17",)},
    sources=(
        "https://docs.aws.amazon.com/AmazonS3/latest/userguide/default-bucket-encryption.html",
        "https://docs.aws.amazon.com/AmazonS3/latest/userguide/enable-server-access-logging.html",
    ),
    check=check,
)
