"""What makes a bucket private, encrypted and bounded in time: settings that are resources of their own."""

from typing import Any

import pulumi
import pulumi_aws as aws

from agent_hosting.statements import Statement, policy, tls_only


def guard_bucket(
    name: str,
    bucket: aws.s3.Bucket,
    key_arn: pulumi.Input[str] | None,
    *,
    days: int,
    old_version_days: int,
    kept: pulumi.ResourceOptions,
    further: tuple[Statement, ...] = (),
) -> None:
    """Private, owner-enforced, TLS only, encrypted, and emptied of what is past its days; `further` goes into
    its policy."""
    aws.s3.BucketPublicAccessBlock(
        f"{name}-private",
        bucket=bucket.id,
        block_public_acls=True,
        block_public_policy=True,
        ignore_public_acls=True,
        restrict_public_buckets=True,
        opts=kept,
    )
    aws.s3.BucketOwnershipControls(
        f"{name}-owner", bucket=bucket.id, rule={"object_ownership": "BucketOwnerEnforced"}, opts=kept
    )
    by_key: Any = (
        {"sse_algorithm": "aws:kms", "kms_master_key_id": key_arn} if key_arn else {"sse_algorithm": "AES256"}
    )
    aws.s3.BucketServerSideEncryptionConfiguration(
        f"{name}-encryption",
        bucket=bucket.id,
        rules=[{"apply_server_side_encryption_by_default": by_key, "bucket_key_enabled": bool(key_arn)}],
        opts=kept,
    )
    aws.s3.BucketLifecycleConfiguration(
        f"{name}-expiry",
        bucket=bucket.id,
        rules=[
            {
                "id": "expire",
                "status": "Enabled",
                "filter": {"prefix": ""},
                "expiration": {"days": days},
                "noncurrent_version_expiration": {"noncurrent_days": old_version_days},
                "abort_incomplete_multipart_upload": {"days_after_initiation": 1},
            }
        ],
        opts=kept,
    )
    whole = [bucket.arn, pulumi.Output.concat(bucket.arn, "/*")]
    aws.s3.BucketPolicy(
        f"{name}-policy", bucket=bucket.id, policy=policy([tls_only("s3:*", whole), *further]), opts=kept
    )
