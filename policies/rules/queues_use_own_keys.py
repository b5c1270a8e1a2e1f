"""C13b: messages are encrypted by a key whose users the account names."""

from collections.abc import Iterable

from ..framework.outcomes import Fail, Level, Severity
from ..framework.resource import Resource
from ..framework.rule import ResourceRule, types
from ._own_keys import has_own_key


def check(queue: Resource) -> Iterable[Fail]:
    """Without a key AWS encrypts by SQS's own, which needs no right to use."""
    if not has_own_key(queue.view, "kmsMasterKeyId"):
        yield Fail("no key of the account's encrypts its messages.", "kmsMasterKeyId")


RULE = ResourceRule(
    id="C13b",
    name="queues-use-own-keys",
    title="Queues encrypt by customer managed keys",
    why="Who may read messages is then decided twice, and each use of the key is in CloudTrail.",
    remediation="Set kms_master_key_id to a key of your own; let senders generate data keys and decrypt.",
    severity=Severity.MEDIUM,
    types=types("sqs/queue:Queue"),
    level=Level.PROD,
    external={"Trivy": ("AWS-0135",)},
    sources=(
        "https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-server-side-encryption.html",
    ),
    check=check,
)
