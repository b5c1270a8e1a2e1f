"""Where runs keep the results of their steps."""

from typing import Any

import pytest

from agent_hosting import CheckpointTable
from tests.components.recorder import run
from tests.components.samples import making

GUARDS = (
    "BucketPublicAccessBlock",
    "BucketOwnershipControls",
    "BucketServerSideEncryptionConfiguration",
    "BucketLifecycleConfiguration",
    "BucketPolicy",
)


def test_the_table_is_keyed_for_runs_expires_items_and_can_be_restored_to_any_second() -> None:
    table = run(making(CheckpointTable, "runs")).one("Table", "runs").inputs
    assert (table["hashKey"], table["rangeKey"], table["billingMode"]) == ("pk", "sk", "PAY_PER_REQUEST")
    assert table["ttl"] == {"enabled": True, "attributeName": "expires_at"}
    assert table["pointInTimeRecovery"] == {"enabled": True}


def test_runs_that_wait_for_a_moment_are_found_by_it() -> None:
    table = run(making(CheckpointTable, "runs")).one("Table", "runs").inputs
    assert table["globalSecondaryIndexes"] == [
        {
            "name": "due",
            "keySchemas": [
                {"attributeName": "due_shard", "keyType": "HASH"},
                {"attributeName": "due_at", "keyType": "RANGE"},
            ],
            "projectionType": "KEYS_ONLY",
        }
    ]
    kinds = {attribute["name"]: attribute["type"] for attribute in table["attributes"]}
    assert kinds == {"pk": "S", "sk": "S", "due_shard": "S", "due_at": "N"}


def test_a_bucket_stands_beside_the_table_with_all_its_guards() -> None:
    program = run(making(CheckpointTable, "runs"))
    bucket = program.one("Bucket")
    assert {program.one(guard).inputs["bucket"] for guard in GUARDS} == {f"{bucket.name}-0a1b2c3"}
    assert {program.one(guard).parent_name for guard in GUARDS} == {"runs"}


def test_the_bucket_is_closed_to_the_public_in_all_four_ways() -> None:
    block = run(making(CheckpointTable, "runs")).one("BucketPublicAccessBlock").inputs
    switches = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")
    assert [block[switch] for switch in switches] == [True] * 4


def test_the_bucket_knows_no_acls() -> None:
    rule = run(making(CheckpointTable, "runs")).one("BucketOwnershipControls").inputs["rule"]
    assert rule == {"objectOwnership": "BucketOwnerEnforced"}


def test_the_bucket_answers_over_tls_only() -> None:
    program = run(making(CheckpointTable, "runs"))
    arn = program.outputs_of("CheckpointTable")["bucket_arn"]
    assert program.one("BucketPolicy").statements()["TlsOnly"] == {
        "Sid": "TlsOnly",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [arn, f"{arn}/*"],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }


def test_one_key_encrypts_table_and_bucket() -> None:
    program = run(making(CheckpointTable, "runs"))
    key = program.outputs_of("CheckpointTable")["key_arn"]
    assert program.one("Key").name == "runs-key"
    assert program.one("Table").inputs["serverSideEncryption"] == {"enabled": True, "kmsKeyArn": key}
    (rule,) = program.one("BucketServerSideEncryptionConfiguration").inputs["rules"]
    assert rule == {
        "applyServerSideEncryptionByDefault": {"sseAlgorithm": "aws:kms", "kmsMasterKeyId": key},
        "bucketKeyEnabled": True,
    }


def test_without_a_key_of_ones_own_awss_keys_encrypt() -> None:
    program = run(making(CheckpointTable, "runs", customer_managed_key=False))
    assert program.all("Key") == []
    assert program.outputs_of("CheckpointTable")["key_arn"] == ""
    assert "serverSideEncryption" not in program.one("Table").inputs
    (rule,) = program.one("BucketServerSideEncryptionConfiguration").inputs["rules"]
    assert rule["applyServerSideEncryptionByDefault"] == {"sseAlgorithm": "AES256"}


@pytest.mark.parametrize(
    ("given", "kept"), [({}, True), ({"retain_data": True}, True), ({"retain_data": False}, False)]
)
def test_data_and_the_key_to_it_outlive_the_stack_unless_told_otherwise(
    given: dict[str, Any], kept: bool
) -> None:
    program = run(making(CheckpointTable, "runs", **given))
    assert program.one("Table").inputs["deletionProtectionEnabled"] is kept
    assert program.one("Bucket").inputs["forceDestroy"] is not kept
    assert {program.one(type_).retain_on_delete for type_ in ("Table", "Bucket", "Key")} == {kept}


def test_a_kept_bucket_gives_back_what_was_overwritten_for_a_week() -> None:
    program = run(making(CheckpointTable, "runs"))
    versions = program.one("BucketVersioning")
    assert versions.inputs["versioningConfiguration"] == {"status": "Enabled"}
    assert versions.retain_on_delete
    (rule,) = program.one("BucketLifecycleConfiguration").inputs["rules"]
    assert rule["noncurrentVersionExpiration"] == {"noncurrentDays": 7}
    assert run(making(CheckpointTable, "runs", retain_data=False)).all("BucketVersioning") == []


@pytest.mark.parametrize("guard", GUARDS)
def test_a_bucket_that_outlives_the_stack_keeps_its_guards(guard: str) -> None:
    assert run(making(CheckpointTable, "runs")).one(guard).retain_on_delete
    assert not run(making(CheckpointTable, "runs", retain_data=False)).one(guard).retain_on_delete


@pytest.mark.parametrize(
    ("given", "days"), [({}, 60), ({"large_item_days": 1}, 1), ({"large_item_days": 3650}, 3650)]
)
def test_large_items_and_broken_uploads_are_deleted_in_time(given: dict[str, Any], days: int) -> None:
    (rule,) = (
        run(making(CheckpointTable, "runs", **given)).one("BucketLifecycleConfiguration").inputs["rules"]
    )
    assert rule["status"] == "Enabled"
    assert rule["filter"] == {"prefix": ""}
    assert rule["expiration"] == {"days": days}
    assert rule["abortIncompleteMultipartUpload"] == {"daysAfterInitiation": 1}
