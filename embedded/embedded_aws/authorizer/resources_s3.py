"""Which buckets and objects an S3 call touches. S3's actions are often not named after its operations:
https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html
"""

from typing import Any
from urllib.parse import unquote
from xml.etree import ElementTree

from embedded_aws.authorizer.needs import Need
from embedded_aws.authorizer.request import ApiCall

_ACTIONS = {
    "AbortMultipartUpload": "AbortMultipartUpload",
    "CompleteMultipartUpload": "PutObject",
    "CopyObject": "PutObject",
    "CreateMultipartUpload": "PutObject",
    "DeleteBucketCors": "PutBucketCORS",
    "DeleteBucketEncryption": "PutEncryptionConfiguration",
    "DeleteBucketLifecycle": "PutLifecycleConfiguration",
    "DeleteBucketReplication": "PutReplicationConfiguration",
    "DeleteBucketTagging": "PutBucketTagging",
    "DeletePublicAccessBlock": "PutBucketPublicAccessBlock",
    "GetBucketEncryption": "GetEncryptionConfiguration",
    "GetBucketLifecycle": "GetLifecycleConfiguration",
    "GetBucketLifecycleConfiguration": "GetLifecycleConfiguration",
    "GetBucketNotificationConfiguration": "GetBucketNotification",
    "GetBucketReplication": "GetReplicationConfiguration",
    "GetObjectLockConfiguration": "GetBucketObjectLockConfiguration",
    "GetPublicAccessBlock": "GetBucketPublicAccessBlock",
    "HeadBucket": "ListBucket",
    "HeadObject": "GetObject",
    "ListBuckets": "ListAllMyBuckets",
    "ListMultipartUploads": "ListBucketMultipartUploads",
    "ListObjectVersions": "ListBucketVersions",
    "ListObjects": "ListBucket",
    "ListObjectsV2": "ListBucket",
    "ListParts": "ListMultipartUploadParts",
    "PutBucketEncryption": "PutEncryptionConfiguration",
    "PutBucketLifecycle": "PutLifecycleConfiguration",
    "PutBucketLifecycleConfiguration": "PutLifecycleConfiguration",
    "PutBucketNotificationConfiguration": "PutBucketNotification",
    "PutBucketReplication": "PutReplicationConfiguration",
    "PutObjectLockConfiguration": "PutBucketObjectLockConfiguration",
    "PutPublicAccessBlock": "PutBucketPublicAccessBlock",
    "UploadPart": "PutObject",
    "UploadPartCopy": "PutObject",
}

_VERSIONED = {"DeleteObject", "GetObject", "GetObjectAcl", "GetObjectTagging", "PutObjectAcl"}


def s3_needs(call: ApiCall) -> list[Need]:
    params, operation = call.params, str(call.operation)
    if operation == "DeleteObjects":
        return _deletions(call)
    action = _ACTIONS.get(operation, operation)
    if params.get("VersionId") and action in _VERSIONED:
        action = action.replace("Object", "ObjectVersion", 1)
    needs = [Need(f"s3:{action}", _arn(params.get("Bucket"), params.get("Key")), _context(params))]
    if source := params.get("CopySource"):
        needs.append(_source(str(source)))
    if params.get("Tagging") and action == "PutObject":
        needs.append(Need("s3:PutObjectTagging", needs[0].resource, _context(params)))
    if params.get("ACL") and action == "PutObject":
        needs.append(Need("s3:PutObjectAcl", needs[0].resource, _context(params)))
    return needs


def _arn(bucket: Any, key: Any = None) -> str:
    if not bucket:
        return "*"
    return f"arn:aws:s3:::{bucket}/{key}" if key else f"arn:aws:s3:::{bucket}"


def _source(source: str) -> Need:
    """The object that a copy reads: `bucket/key?versionId=...`, percent-encoded."""
    path, _, version = source.removeprefix("/").partition("?versionId=")
    bucket, _, key = unquote(path).partition("/")
    return Need("s3:GetObjectVersion" if version else "s3:GetObject", _arn(bucket, key))


def _deletions(call: ApiCall) -> list[Need]:
    try:
        root = ElementTree.fromstring(call.body)  # noqa: S314 - the sender runs on this machine
    except ElementTree.ParseError:
        return [Need("s3:DeleteObject")]
    needs: dict[str, Need] = {}
    for entry in root.iter():
        if entry.tag.rsplit("}", 1)[-1] == "Object":
            held = {inner.tag.rsplit("}", 1)[-1]: inner.text or "" for inner in entry}
            action = "s3:DeleteObjectVersion" if held.get("VersionId") else "s3:DeleteObject"
            resource = _arn(call.params.get("Bucket"), held.get("Key"))
            needs[f"{action} {resource}"] = Need(action, resource)
    return list(needs.values()) or [Need("s3:DeleteObject", _arn(call.params.get("Bucket")))]


def _context(params: dict[str, Any]) -> dict[str, tuple[str, ...]]:
    given = {
        "s3:prefix": params.get("Prefix"),
        "s3:delimiter": params.get("Delimiter"),
        "s3:max-keys": params.get("MaxKeys"),
        "s3:versionid": params.get("VersionId"),
        "s3:x-amz-acl": params.get("ACL"),
        "s3:x-amz-copy-source": params.get("CopySource"),
        "s3:x-amz-server-side-encryption": params.get("ServerSideEncryption"),
        "s3:x-amz-server-side-encryption-aws-kms-key-id": params.get("SSEKMSKeyId"),
        "s3:x-amz-storage-class": params.get("StorageClass"),
    }
    return {name: (str(value),) for name, value in given.items() if value is not None}
