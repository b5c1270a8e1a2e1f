"""C44b: a bucket's policy denies everyone what does not come over TLS."""

from collections.abc import Iterable

from ..framework.index import StackIndex
from ..framework.outcomes import Fail, Severity
from ..framework.resource import Resource
from ..framework.rule import StackRule, types
from ._buckets import BUCKET_POLICY, BUCKETS
from ._related import policy_of
from ._resource_policies import refuses_plain_http

_OBJECTS = ("s3:GetObject", "s3:PutObject")


def check(bucket: Resource, stack: StackIndex) -> Iterable[Fail]:
    """A bucket without a policy takes HTTP."""
    held = [one for one, _ in policy_of(bucket, stack, BUCKET_POLICY, "bucket")]
    arn = bucket.props.get("arn")
    objects = f"{arn}/some/object" if isinstance(arn, str) else ""
    if not refuses_plain_http(held, _OBJECTS, objects):
        yield Fail("its policy does not deny requests for objects without TLS.", "policy")


RULE = StackRule(
    id="C44b",
    name="buckets-refuse-plain-http",
    title="Buckets are reached over TLS alone",
    why="S3 answers HTTP, which shows objects to the network.",
    remediation="Deny s3:* on the bucket and its objects to everyone where aws:SecureTransport is false.",
    severity=Severity.MEDIUM,
    types=types(*BUCKETS),
    external={"Checkov": ("CKV_AWS_379",), "Security Hub": ("S3.5",), "cdk-nag": ("AwsSolutions-S10",)},
    sources=("https://docs.aws.amazon.com/AmazonS3/latest/userguide/security-best-practices.html",),
    check=check,
)
