"""C44f: requests to a bucket are logged to another."""

from collections.abc import Iterable

from ..framework.index import StackIndex
from ..framework.outcomes import Fail, Level, Severity
from ..framework.resource import Resource
from ..framework.rule import StackRule, types
from ..framework.values import UNKNOWN
from ._buckets import BUCKETS, settings, takes_logs


def check(bucket: Resource, stack: StackIndex) -> Iterable[Fail]:
    """Off by default. Advice alone: AWS recommends data events of CloudTrail in its place, which an account
    has once for all its buckets, and not in this stack. Buckets of logs would log themselves."""
    if takes_logs(bucket, stack):
        return
    for held, _ in settings(bucket, stack, "Logging", "logging", "loggings"):
        if held.held.get("targetBucket") is UNKNOWN or held.says("targetBucket"):
            return
    yield Fail("nobody can tell who read its objects.", "logging")


RULE = StackRule(
    id="C44f",
    name="buckets-log-requests",
    title="Buckets log requests",
    why="After a leak, the log alone tells what was read, and by whom.",
    remediation="Make a BucketLogging, or record data events of S3 in the account's trail.",
    severity=Severity.LOW,
    types=types(*BUCKETS),
    level=Level.ADVISORY,
    external={"Checkov": ("CKV_AWS_18",), "Security Hub": ("S3.9",), "cdk-nag": ("AwsSolutions-S1",)},
    sources=("https://docs.aws.amazon.com/AmazonS3/latest/userguide/logging-with-S3.html",),
    check=check,
)
