"""C44: nothing in a bucket is open to strangers, by block, list or policy."""

from collections.abc import Iterable

from ..framework.index import StackIndex
from ..framework.outcomes import Fail, Severity
from ..framework.resource import Resource
from ..framework.rule import StackRule, types
from ._buckets import BUCKET_POLICY, BUCKETS, settings
from ._related import policy_of
from ._resource_policies import lets_everyone_in

_BLOCKS = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")
_PUBLIC = ("public-read", "public-read-write", "authenticated-read")
_GROUPS = ("/groups/global/AllUsers", "/groups/global/AuthenticatedUsers")


def check(bucket: Resource, stack: StackIndex) -> Iterable[Fail]:
    """A new bucket without a public access block has all four; a block that omits one switches it off."""
    for block, holder in settings(bucket, stack, "PublicAccessBlock"):
        if off := [key for key in _BLOCKS if not block.flag(key, False)]:
            yield Fail(f"public access is not blocked by {', '.join(off)}.", off[0], holder.urn)
    listed = [(bucket.view, bucket), *settings(bucket, stack, "Acl")]
    for held, holder in listed:
        if (acl := held.text("acl")) in _PUBLIC:
            yield Fail(f"its list is {acl}.", "acl", holder.urn)
        granted = [*held.views("grants"), *held.view("accessControlPolicy").views("grants")]
        for grant in granted:
            if any(one.text("uri").endswith(_GROUPS) for one in (grant, grant.view("grantee"))):
                yield Fail("its list lets everyone in.", grant.path, holder.urn)
    for statement, holder in policy_of(bucket, stack, BUCKET_POLICY, "bucket"):
        if lets_everyone_in(statement):
            yield Fail("its policy lets everyone in.", statement.path, holder.urn)


RULE = StackRule(
    id="C44",
    name="buckets-are-private",
    title="Buckets are closed to everyone",
    why="Whoever guesses the name reads what agents wrote.",
    remediation="Leave the public access block out or set all four; name principals in the policy.",
    severity=Severity.CRITICAL,
    types=types(*BUCKETS),
    external={
        "Checkov": ("CKV_AWS_53", "CKV_AWS_54", "CKV_AWS_55", "CKV_AWS_56", "CKV2_AWS_6"),
        "Security Hub": ("S3.8",),
        "cdk-nag": ("AwsSolutions-S2",),
    },
    sources=(
        "https://docs.aws.amazon.com/AmazonS3/latest/userguide/create-bucket-faq.html",
        "https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html",
    ),
    check=check,
)
