"""C44d: what was overwritten or deleted in a bucket can be had back."""

from collections.abc import Iterable

from ..framework.index import StackIndex
from ..framework.outcomes import Fail, Level, Severity
from ..framework.resource import Resource
from ..framework.rule import StackRule, types
from ._buckets import BUCKETS, settings


def check(bucket: Resource, stack: StackIndex) -> Iterable[Fail]:
    """Off by default."""
    for held, _ in settings(bucket, stack, "Versioning", "versioning", "versionings"):
        if held.flag("enabled", False) or held.view("versioningConfiguration").text("status") == "Enabled":
            return
    yield Fail("an object that is overwritten or deleted is gone.", "versioning")


RULE = StackRule(
    id="C44d",
    name="buckets-keep-versions",
    title="Buckets keep versions of their objects",
    why="A fault or a thief that overwrites objects cannot be undone otherwise.",
    remediation="Make a BucketVersioning with status Enabled, and let old versions expire.",
    severity=Severity.MEDIUM,
    types=types(*BUCKETS),
    level=Level.PROD,
    external={"Checkov": ("CKV_AWS_21",), "Security Hub": ("S3.14",)},
    sources=("https://docs.aws.amazon.com/AmazonS3/latest/userguide/Versioning.html",),
    check=check,
)
