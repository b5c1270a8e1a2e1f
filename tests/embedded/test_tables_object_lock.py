"""Buckets whose objects are locked: made, read without drift, and emptied where a right opens the lock."""

from collections.abc import Iterator

import pytest
from botocore.exceptions import ClientError

from tests.embedded.further_services import calls_of, client, differing, made, moto_cloud

BUCKET, LOCK = (
    "aws:s3/bucket:Bucket",
    "aws:s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration",
)
RULE = {"defaultRetention": {"mode": "GOVERNANCE", "days": 1}}


@pytest.fixture(autouse=True)
def _cloud() -> Iterator[None]:
    with moto_cloud():
        yield


def test_an_object_is_locked_by_default_and_goes_with_its_bucket() -> None:
    name, state = made(BUCKET, bucket="locked", objectLockEnabled=True, forceDestroy=True)
    lock, held = made(LOCK, bucket=name, rule=RULE)
    assert differing(LOCK, {"bucket": name, "rule": RULE}, held) == []
    s3 = client("s3")
    version = s3.put_object(Bucket=name, Key="a", Body=b"x")["VersionId"]
    with pytest.raises(ClientError, match="AccessDenied"):
        s3.delete_object(Bucket=name, Key="a", VersionId=version)
    calls_of(LOCK).delete(lock, held)
    calls_of(BUCKET).delete(name, state)
    assert s3.list_buckets()["Buckets"] == []


def test_a_lock_can_be_lengthened() -> None:
    name, _ = made(BUCKET, bucket="locked", objectLockEnabled=True)
    lock, held = made(LOCK, bucket=name, rule=RULE)
    longer = {"defaultRetention": {"mode": "GOVERNANCE", "days": 30}}
    old, new = {"bucket": name, "rule": RULE}, {"bucket": name, "rule": longer}
    changed = calls_of(LOCK).update(lock, held, old, new, frozenset({"rule"}))
    assert changed["rule"] == longer
