"""C44g: what is in a bucket is its owner's, and policies alone say who may reach it."""

from collections.abc import Iterable

from ..framework.index import StackIndex
from ..framework.outcomes import Fail, Severity
from ..framework.resource import Resource
from ..framework.rule import StackRule, types
from ._buckets import BUCKETS, settings

_ENFORCED = "BucketOwnerEnforced"


def check(bucket: Resource, stack: StackIndex) -> Iterable[Fail]:
    """New buckets have their lists disabled unless ownership controls say otherwise."""
    for held, holder in settings(bucket, stack, "OwnershipControls"):
        if (chosen := held.view("rule").text("objectOwnership")) != _ENFORCED:
            yield Fail(
                f"its access control lists count: {chosen or 'nothing'} is set.",
                "rule.objectOwnership",
                holder.urn,
            )


RULE = StackRule(
    id="C44g",
    name="buckets-have-no-lists",
    title="Buckets have their access control lists disabled",
    why="Lists let in whom no policy names, object by object.",
    remediation="Leave BucketOwnershipControls out, or set object_ownership to BucketOwnerEnforced.",
    severity=Severity.MEDIUM,
    types=types(*BUCKETS),
    external={"Checkov": ("CKV2_AWS_65",), "Security Hub": ("S3.12",)},
    sources=("https://docs.aws.amazon.com/AmazonS3/latest/userguide/about-object-ownership.html",),
    check=check,
)
