"""C13: messages are encrypted where they lie."""

from collections.abc import Iterable

from ..framework.outcomes import Fail, Severity
from ..framework.resource import Resource
from ..framework.rule import ResourceRule, types


def check(queue: Resource) -> Iterable[Fail]:
    """AWS encrypts new queues with its own key unless that is switched off."""
    own_key = queue.view.text("kmsMasterKeyId")
    if not own_key and not queue.view.flag("sqsManagedSseEnabled", True):
        yield Fail("its messages lie in clear.", "sqsManagedSseEnabled")


RULE = ResourceRule(
    id="C13",
    name="queues-are-encrypted",
    title="Queues encrypt their messages",
    why="Messages hold what callers said to an agent.",
    remediation="Leave sqs_managed_sse_enabled out, or set kms_master_key_id.",
    severity=Severity.HIGH,
    types=types("sqs/queue:Queue"),
    external={
        "Checkov": ("CKV_AWS_27",),
        "Security Hub": ("SQS.1",),
        "Trivy": ("AWS-0096",),
        "cdk-nag": ("AwsSolutions-SQS2",),
    },
    sources=(
        "https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-configure-sqs-sse-queue.html",
    ),
    check=check,
)
