"""C44h: a bucket that holds something is not deleted by a mistaken destroy."""

from collections.abc import Iterable

from ..framework.outcomes import Fail, Level, Severity
from ..framework.resource import Resource
from ..framework.rule import ResourceRule, types
from ._buckets import BUCKETS


def check(bucket: Resource) -> Iterable[Fail]:
    """Off by default: S3 refuses to delete a bucket that is not empty."""
    if bucket.view.flag("forceDestroy", False):
        yield Fail("it is deleted with all its objects, and all their versions.", "forceDestroy")


RULE = ResourceRule(
    id="C44h",
    name="buckets-are-not-destroyed-with-objects",
    title="Buckets are not deleted with the objects in them",
    why="A renamed resource or a mistaken destroy takes the data with it.",
    remediation="Leave force_destroy out.",
    severity=Severity.MEDIUM,
    types=types(*BUCKETS),
    level=Level.PROD,
    sources=("https://docs.aws.amazon.com/AmazonS3/latest/userguide/delete-bucket.html",),
    check=check,
)
