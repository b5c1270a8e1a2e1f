"""S3 buckets and their settings: inline, in resources of their own, and in both under their older names.

Buckets that were made since April 2023 begin with all public access blocked and with ACLs disabled, by
whatever tool: https://docs.aws.amazon.com/AmazonS3/latest/userguide/create-bucket-faq.html
"""

from collections.abc import Iterator

from ..framework.index import StackIndex
from ..framework.resource import Resource
from ..framework.values import View
from ._related import related

BUCKETS = ("aws:s3/bucket:Bucket", "aws:s3/bucketV2:BucketV2")
BUCKET_POLICY = "aws:s3/bucketPolicy:BucketPolicy"


def settings(bucket: Resource, stack: StackIndex, kind: str, *inline: str) -> Iterator[tuple[View, Resource]]:
    """What is said of one setting, and where: `kind` names the resource's type without `Bucket` in front."""
    for key in inline:
        if bucket.view.says(key):
            for held in bucket.view.views(key):
                yield held, bucket
    for holder in related(bucket, stack, *kinds(kind), by="bucket"):
        yield holder.view, holder


def kinds(kind: str) -> tuple[str, str]:
    return f"aws:s3/bucket{kind}:Bucket{kind}", f"aws:s3/bucket{kind}V2:Bucket{kind}V2"


def takes_logs(bucket: Resource, stack: StackIndex) -> bool:
    """Whether other buckets' access logs go there."""
    return bucket.urn in stack.once(_log_buckets)


def _log_buckets(stack: StackIndex) -> frozenset[str]:
    holders = [(one, "targetBucket") for one in stack.of(*kinds("Logging"))]
    holders += [(one, key) for one in stack.of(*BUCKETS) for key in ("logging", "loggings")]
    return frozenset(b.urn for one, key in holders for b in stack.referred(one, key, *BUCKETS))
