"""C44e: objects of a bucket end some day, and uploads that nobody finished end soon."""

from collections.abc import Iterable, Iterator

from ..framework.index import StackIndex
from ..framework.outcomes import Fail, Level, Severity
from ..framework.resource import Resource
from ..framework.rule import StackRule, types
from ..framework.values import View
from ._buckets import BUCKETS, settings

_ABORTS = ("abortIncompleteMultipartUpload", "abortIncompleteMultipartUploadDays")
_PARTS = ("tag", "objectSizeGreaterThan", "objectSizeLessThan")


def check(bucket: Resource, stack: StackIndex) -> Iterable[Fail]:
    """By default everything is kept, parts of unfinished uploads too, which no listing shows."""
    rules = list(_enabled(bucket, stack))
    if not rules:
        yield Fail("nothing in it ever expires.", "lifecycleRules")
    elif not any(_is_whole(rule) and any(rule.says(key) for key in _ABORTS) for rule in rules):
        yield Fail("parts of uploads that nobody finished are kept.", "abortIncompleteMultipartUpload")


def _enabled(bucket: Resource, stack: StackIndex) -> Iterator[View]:
    if bucket.view.says("lifecycleRules"):
        yield from (rule for rule in bucket.view.views("lifecycleRules") if rule.flag("enabled", False))
    for held, _ in settings(bucket, stack, "LifecycleConfiguration"):
        yield from (rule for rule in held.views("rules") if rule.text("status") == "Enabled")


def _is_whole(rule: View) -> bool:
    """Whether the rule is for all objects."""
    if rule.says("tags"):
        return False
    chosen = rule.view("filter")
    within = chosen.view("and")
    said = [*(held.text("prefix") for held in (rule, chosen, within)), within.says("tags")]
    return not any(said) and not any(held.says(key) for held in (chosen, within) for key in _PARTS)


RULE = StackRule(
    id="C44e",
    name="buckets-are-emptied",
    title="Buckets have a lifecycle and end unfinished uploads",
    why="Storage without an end costs more each month and keeps what people asked to be forgotten.",
    remediation="Make a lifecycle configuration with an expiration and abort_incomplete_multipart_upload.",
    severity=Severity.LOW,
    types=types(*BUCKETS),
    level=Level.PROD,
    external={"Checkov": ("CKV_AWS_300", "CKV2_AWS_61"), "Security Hub": ("S3.13",)},
    sources=(
        "https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lifecycle-mgmt.html",
        "https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpu-abort-incomplete-mpu-lifecycle-config.html",
    ),
    check=check,
)
