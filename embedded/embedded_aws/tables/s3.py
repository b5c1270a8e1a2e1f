"""Amazon S3: buckets, each setting of which is a resource of its own, and objects."""

from collections.abc import Callable
from typing import Any

from embedded_aws.provider.rows import AutoName, Client, Row, Setting
from embedded_aws.provider.values import Properties, asset_bytes, content_hash
from embedded_aws.tables.common import REGION, or_none


def _bucket(client: Client, name: str, _state: Properties) -> Any:
    if or_none(lambda: client.head_bucket(Bucket=name)) is None:
        return None
    region = client.get_bucket_location(Bucket=name).get("LocationConstraint") or "us-east-1"
    tags = or_none(lambda: client.get_bucket_tagging(Bucket=name))
    return {
        "bucket": name,
        "arn": f"arn:aws:s3:::{name}",
        "bucketDomainName": f"{name}.s3.amazonaws.com",
        "bucketRegionalDomainName": f"{name}.s3.{region}.amazonaws.com",
        "tags": {t["Key"]: t["Value"] for t in (tags or {}).get("TagSet", [])},
    }


def _write_tags(client: Client, name: str, properties: Properties) -> None:
    tags = [{"Key": k, "Value": v} for k, v in sorted((properties.get("tags") or {}).items())]
    client.put_bucket_tagging(Bucket=name, Tagging={"TagSet": tags})


def _empty(client: Client, name: str, state: Properties) -> None:
    """With `forceDestroy` every version of every object goes first, as the official provider does it."""
    if not state.get("forceDestroy"):
        return
    for page in client.get_paginator("list_object_versions").paginate(Bucket=name):
        for found in [*page.get("Versions", []), *page.get("DeleteMarkers", [])]:
            # Locked ones too, as far as a right can open the lock.
            past = {"BypassGovernanceRetention": True} if state.get("objectLockEnabled") else {}
            client.delete_object(Bucket=name, Key=found["Key"], VersionId=found["VersionId"], **past)


def _in_region(properties: Properties) -> Properties:
    made = {"bucket": properties.get("bucket"), "createBucketConfiguration": {"locationConstraint": REGION}}
    if properties.get("objectLockEnabled"):
        made["objectLockEnabledForBucket"] = True
    return made


def _setting_row(
    token: str,
    operation: str,
    *,
    answer: str,
    renames: dict[str, str],
    prepare: Callable[[Properties], Properties],
    prepared: frozenset[str],
    outputs: Callable[[Any], Properties],
    delete: str | None,
) -> Row:
    """A resource that is one configuration of a bucket: put, got and deleted by the bucket's name."""

    def find(client: Client, name: str, _state: Properties) -> Any:
        verb = "get_" + "".join(f"_{c.lower()}" if c.isupper() else c for c in answer).lstrip("_")
        return or_none(lambda: getattr(client, verb)(Bucket=name))

    return Row(
        token=token,
        service="s3",
        create=f"Put{operation}",
        id="{bucket}",
        update=f"Put{operation}",
        delete=delete,
        key={"Bucket": "{id}"},
        find=find,
        renames=renames,
        prepare=prepare,
        prepared=prepared,
        updates=prepared,
        outputs=outputs,
        replaces=frozenset({"bucket"}),
        recorded=frozenset({"expectedBucketOwner", "skipDestroy", "mfa", "blockedEncryptionTypes"}),
    )


def _encryption(properties: Properties) -> Properties:
    rules = [
        {
            "applyServerSideEncryptionByDefault": r.get("applyServerSideEncryptionByDefault"),
            "bucketKeyEnabled": r.get("bucketKeyEnabled"),
        }
        for r in properties.get("rules", [])
    ]
    return {"bucket": properties.get("bucket"), "serverSideEncryptionConfiguration": {"rules": rules}}


def _encryption_outputs(found: Any) -> Properties:
    rules = []
    for rule in found["ServerSideEncryptionConfiguration"]["Rules"]:
        default = rule.get("ApplyServerSideEncryptionByDefault", {})
        held = {"sseAlgorithm": default.get("SSEAlgorithm")} | (
            {"kmsMasterKeyId": default["KMSMasterKeyID"]} if default.get("KMSMasterKeyID") else {}
        )
        rules.append(
            {
                "applyServerSideEncryptionByDefault": held,
                "bucketKeyEnabled": rule.get("BucketKeyEnabled", False),
            }
        )
    return {"rules": rules}


def _lock(properties: Properties) -> Properties:
    rule = {"defaultRetention": properties["rule"]["defaultRetention"]}
    held = {"objectLockEnabled": "Enabled", "rule": rule}
    return {"bucket": properties.get("bucket"), "objectLockConfiguration": held}


def _lock_outputs(found: Any) -> Properties:
    default = found["ObjectLockConfiguration"].get("Rule", {}).get("DefaultRetention", {})
    kept = {name.lower(): default[name] for name in ("Mode", "Days", "Years") if default.get(name)}
    return {"objectLockEnabled": "Enabled", **({"rule": {"defaultRetention": kept}} if kept else {})}


def _lifecycle(properties: Properties) -> Properties:
    rules = [
        {("ID" if k == "id" else k): v for k, v in rule.items()}
        | {"filter": rule.get("filter") or {"prefix": ""}}
        for rule in properties.get("rules", [])
    ]
    return {"bucket": properties.get("bucket"), "lifecycleConfiguration": {"rules": rules}}


def _versioning(properties: Properties) -> Properties:
    return {
        "bucket": properties.get("bucket"),
        "versioningConfiguration": properties.get("versioningConfiguration"),
    }


def _block(properties: Properties) -> Properties:
    flags = {k: v for k, v in properties.items() if k in _BLOCKS}
    return {"bucket": properties.get("bucket"), "publicAccessBlockConfiguration": flags}


def _body(properties: Properties) -> Properties:
    given = {k: v for k, v in properties.items() if k not in ("source", "content", "bucketKeyEnabled")}
    given["body"] = (
        asset_bytes(properties["source"])
        if properties.get("source")
        else str(properties.get("content", "")).encode()
    )
    return given


_BLOCKS = frozenset({"blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets"})

ROWS = (
    Row(
        token="aws:s3/bucket:Bucket",
        service="s3",
        create="CreateBucket",
        id="{bucket}",
        delete="DeleteBucket",
        key={"Bucket": "{id}"},
        find=_bucket,
        prepare=_in_region,
        outputs=lambda found: {**found, "tagsAll": found["tags"]},
        name=AutoName("bucket", longest=63),
        settings=(Setting(("tags",), _write_tags),),
        before_delete=_empty,
        prepared=frozenset({"objectLockEnabled"}),
        replaces=frozenset({"objectLockEnabled"}),
        recorded=frozenset({"forceDestroy"}),
    ),
    _setting_row(
        "aws:s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration",
        "ObjectLockConfiguration",
        answer="ObjectLockConfiguration",
        renames={},
        prepare=_lock,
        prepared=frozenset({"rule", "objectLockEnabled"}),
        outputs=_lock_outputs,
        delete=None,
    ),
    _setting_row(
        "aws:s3/bucketPolicy:BucketPolicy",
        "BucketPolicy",
        answer="BucketPolicy",
        renames={},
        prepare=dict,
        prepared=frozenset(),
        outputs=lambda found: {"policy": found["Policy"]},
        delete="DeleteBucketPolicy",
    ),
    _setting_row(
        "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock",
        "PublicAccessBlock",
        answer="PublicAccessBlock",
        renames={},
        prepare=_block,
        prepared=_BLOCKS,
        outputs=lambda f: {k[0].lower() + k[1:]: v for k, v in f["PublicAccessBlockConfiguration"].items()},
        delete="DeletePublicAccessBlock",
    ),
    _setting_row(
        "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
        "BucketEncryption",
        answer="BucketEncryption",
        renames={},
        prepare=_encryption,
        prepared=frozenset({"rules"}),
        outputs=_encryption_outputs,
        delete="DeleteBucketEncryption",
    ),
    _setting_row(
        "aws:s3/bucketVersioning:BucketVersioning",
        "BucketVersioning",
        answer="BucketVersioning",
        renames={},
        prepare=_versioning,
        prepared=frozenset({"versioningConfiguration"}),
        outputs=lambda found: {"versioningConfiguration": {"status": found.get("Status", "Disabled")}},
        delete=None,
    ),
    _setting_row(
        "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration",
        "BucketLifecycleConfiguration",
        answer="BucketLifecycleConfiguration",
        renames={},
        prepare=_lifecycle,
        prepared=frozenset({"rules"}),
        outputs=lambda _found: {},
        delete="DeleteBucketLifecycle",
    ),
    _setting_row(
        "aws:s3/bucketOwnershipControls:BucketOwnershipControls",
        "BucketOwnershipControls",
        answer="BucketOwnershipControls",
        renames={},
        prepare=lambda p: {"bucket": p.get("bucket"), "ownershipControls": {"rules": [p.get("rule")]}},
        prepared=frozenset({"rule"}),
        outputs=lambda f: {
            "rule": {"objectOwnership": f["OwnershipControls"]["Rules"][0]["ObjectOwnership"]}
        },
        delete="DeleteBucketOwnershipControls",
    ),
    Row(
        token="aws:s3/bucketObjectv2:BucketObjectv2",
        service="s3",
        create="PutObject",
        id="{bucket}/{key}",
        update="PutObject",
        delete="DeleteObject",
        key={"Bucket": "{bucket}", "Key": "{key}"},
        find=lambda client, name, _state: or_none(
            lambda: client.head_object(**dict(zip(("Bucket", "Key"), name.split("/", 1), strict=True)))
        ),
        prepare=_body,
        prepared=frozenset({"source", "content"}),
        updates=frozenset({"source", "content", "sourceHash"}),
        derived=lambda p: (
            {"sourceHash": content_hash(p["source"])} if p.get("source") and not p.get("sourceHash") else {}
        ),
        outputs=lambda found: {"etag": found["ETag"].strip('"'), "versionId": found.get("VersionId", "")},
        replaces=frozenset({"bucket", "key"}),
        recorded=frozenset({"forceDestroy", "sourceHash", "bucketKeyEnabled"}),
    ),
)
