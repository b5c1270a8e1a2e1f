"""C44 to C44g: buckets and their settings, inline, in resources of their own and under older names."""

from typing import Any

import pytest

from tests.policies.judging import ABSENT, ACCOUNT, UNKNOWN, changed, fails, passes, resource, text, unchecked

ARN = "arn:aws:s3:::data"
KEY = f"arn:aws:kms:eu-west-1:{ACCOUNT}:key/1"
TLS = {
    "Effect": "Deny",
    "Principal": "*",
    "Action": "s3:*",
    "Resource": [ARN, f"{ARN}/*"],
    "Condition": {"Bool": {"aws:SecureTransport": "false"}},
}
BLOCK = dict.fromkeys(
    ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets"), True
)
BY_KEY = {"sseAlgorithm": "aws:kms", "kmsMasterKeyId": KEY}
ABORT = {"daysAfterInitiation": 1}
EXPIRY = {"status": "Enabled", "expiration": {"days": 30}, "abortIncompleteMultipartUpload": ABORT}
LEGACY, V2 = "s3/bucket:Bucket", "s3/bucketV2:BucketV2"


def bucket(kind: str = LEGACY, **given: Any) -> Any:
    return resource(kind, "data", {"arn": ARN, "bucket": "data", **given})


def setting(kind: str, **given: Any) -> Any:
    """`kind` without Bucket in front, as in the rules."""
    return resource(f"s3/bucket{kind}:Bucket{kind}", "setting", changed({"bucket": "data"}, **given))


def sse(chosen: Any, kind: str = "ServerSideEncryptionConfiguration") -> Any:
    return setting(kind, rules=[{"applyServerSideEncryptionByDefault": chosen}])


RULES = ("C44", "C44b", "C44c", "C44d", "C44e", "C44f", "C44g")
VALID: dict[str, list[tuple[Any, ...]]] = {
    "C44": [
        (bucket(),),
        (bucket(V2), setting("PublicAccessBlock", **BLOCK)),
        (bucket(acl="private"), setting("PublicAccessBlock", **dict.fromkeys(BLOCK, "true"))),
        (bucket(), setting("Acl", acl="log-delivery-write")),
        (bucket(), setting("Policy", policy=text(TLS))),
    ],
    "C44b": [
        (bucket(), setting("Policy", policy=text(TLS))),
        (bucket(V2, policy={"Statement": TLS}),),
        (bucket(policy=text({**TLS, "Action": ["s3:GetObject", "s3:PutObject*"], "Resource": "*"})),),
        (bucket(policy=text({**TLS, "Principal": {"AWS": ["*"]}})),),
        (bucket(policy=text({**TLS, "Condition": {"BoolIfExists": {"aws:secureTransport": False}}})),),
    ],
    "C44c": [
        (bucket(), sse(BY_KEY)),
        (
            bucket(V2),
            sse([{**BY_KEY, "sseAlgorithm": "aws:kms:dsse"}], "ServerSideEncryptionConfigurationV2"),
        ),
        (bucket(serverSideEncryptionConfiguration={"rule": {"applyServerSideEncryptionByDefault": BY_KEY}}),),
        (
            bucket(
                V2,
                serverSideEncryptionConfigurations=[
                    {"rules": [{"applyServerSideEncryptionByDefaults": [BY_KEY]}]}
                ],
            ),
        ),
    ],
    "C44d": [
        (bucket(), setting("Versioning", versioningConfiguration={"status": "Enabled"})),
        (bucket(V2), setting("VersioningV2", versioningConfiguration=[{"status": "Enabled"}])),
        (bucket(versioning={"enabled": "true"}),),
        (bucket(V2, versionings=[{"enabled": True}]),),
    ],
    "C44e": [
        (bucket(), setting("LifecycleConfiguration", rules=[EXPIRY])),
        (bucket(V2), setting("LifecycleConfigurationV2", rules=[{**EXPIRY, "filter": {"prefix": ""}}])),
        (bucket(lifecycleRules=[{"enabled": True, "abortIncompleteMultipartUploadDays": 7}]),),
    ],
    "C44f": [
        (bucket(), setting("Logging", targetBucket="logs")),
        (bucket(), setting("LoggingV2", targetBucket=UNKNOWN)),
        (bucket(logging={"targetBucket": "logs"}),),
        (bucket(V2, loggings=[{"targetBucket": "logs"}]),),
    ],
    "C44g": [
        (bucket(),),
        (bucket(), setting("OwnershipControls", rule={"objectOwnership": "BucketOwnerEnforced"})),
        (bucket(V2), setting("OwnershipControls", rule=[{"objectOwnership": "BucketOwnerEnforced"}])),
    ],
}


@pytest.mark.parametrize(("rule", "n"), [(rule, n) for rule in RULES for n in range(len(VALID[rule]))])
def test_a_guarded_bucket_passes(rule: str, n: int) -> None:
    assert passes(rule, *VALID[rule][n])


def test_each_setting_counts_for_the_bucket_that_it_names() -> None:
    for rule in ("C44b", "C44c", "C44d", "C44e", "C44f"):
        one, held = VALID[rule][0]
        elsewhere = resource(held.type, "setting", {**held.props, "bucket": "another"})
        assert len(fails(rule, one, elsewhere)) == 1
        assert len(fails(rule, one)) == 1


@pytest.mark.parametrize(
    ("rule", "given"),
    [
        *(("C44", (bucket(), setting("PublicAccessBlock", **{**BLOCK, key: False}))) for key in BLOCK),
        ("C44", (bucket(), setting("PublicAccessBlock"))),
        ("C44", (bucket(), setting("PublicAccessBlock", **{**BLOCK, "blockPublicAcls": None}))),
        ("C44", (bucket(), setting("PublicAccessBlock", **{**BLOCK, "blockPublicAcls": "no"}))),
        *(("C44", (bucket(acl=acl),)) for acl in ("public-read", "public-read-write", "authenticated-read")),
        ("C44", (bucket(), setting("AclV2", acl="public-read"))),
        ("C44", (bucket(grants=[{"uri": "http://acs.amazonaws.com/groups/global/AllUsers"}]),)),
        ("C44", (bucket(policy=text({"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject"})),)),
        (
            "C44",
            (
                bucket(),
                setting("Policy", policy={"Statement": {"Effect": "Allow", "Principal": {"AWS": "*"}}}),
            ),
        ),
        *(
            ("C44b", (bucket(), setting("Policy", policy=held)))
            for held in (ABSENT, None, "", {"Statement": []}, text({**TLS, "Effect": "Allow"}), "{")
        ),
        *(
            ("C44b", (bucket(policy=text({**TLS, **held})),))
            for held in (
                {"Principal": {"AWS": ACCOUNT}},
                {"Action": "s3:GetObject"},
                {"Resource": ARN},
                {"Resource": f"{ARN}/public/*"},
                {"Condition": {"Bool": {"aws:SecureTransport": "true"}}},
                {
                    "Condition": {
                        "Bool": {"aws:SecureTransport": "false"},
                        "IpAddress": {"aws:SourceIp": "::/0"},
                    }
                },
                {"Condition": {}},
            )
        ),
        *(
            ("C44c", (bucket(), sse(held)))
            for held in (
                None,
                {},
                {"sseAlgorithm": "AES256"},
                {"sseAlgorithm": "aws:kms"},
                {"sseAlgorithm": "aws:kms", "kmsMasterKeyId": "alias/aws/s3"},
                {"sseAlgorithm": "AES256", "kmsMasterKeyId": KEY},
                "aws:kms",
            )
        ),
        *(
            ("C44d", (bucket(), setting("Versioning", versioningConfiguration=held)))
            for held in (ABSENT, None, {}, {"status": "Suspended"}, {"status": "Disabled"}, "Enabled")
        ),
        ("C44d", (bucket(versioning={"enabled": False}),)),
        *(
            ("C44e", (bucket(), setting("LifecycleConfiguration", rules=held)))
            for held in (
                ABSENT,
                [],
                [{**EXPIRY, "status": "Disabled"}],
                [changed(EXPIRY, abortIncompleteMultipartUpload=ABSENT)],
                [{**EXPIRY, "filter": {"prefix": "tmp/"}}],
                [{**EXPIRY, "prefix": "tmp/"}],
                [{**EXPIRY, "filter": {"tag": {"key": "a", "value": "b"}}}],
                "30 days",
            )
        ),
        ("C44e", (bucket(lifecycleRules=[{"enabled": False, "abortIncompleteMultipartUploadDays": 7}]),)),
        ("C44f", (bucket(), setting("Logging"))),
        ("C44f", (bucket(logging={}),)),
        *(
            ("C44g", (bucket(), setting("OwnershipControls", rule=held)))
            for held in (
                ABSENT,
                {},
                {"objectOwnership": "ObjectWriter"},
                {"objectOwnership": "BucketOwnerPreferred"},
            )
        ),
    ],
)
def test_one_broken_thing_fails_once(rule: str, given: tuple[Any, ...]) -> None:
    assert len(fails(rule, *given)) == 1


@pytest.mark.parametrize(
    ("rule", "kind", "key"),
    [
        ("C44", "PublicAccessBlock", "blockPublicAcls"),
        ("C44b", "Policy", "policy"),
        ("C44c", "ServerSideEncryptionConfiguration", "rules"),
        ("C44d", "Versioning", "versioningConfiguration"),
        ("C44e", "LifecycleConfiguration", "rules"),
        ("C44g", "OwnershipControls", "rule"),
    ],
)
def test_what_is_unknown_is_not_checked(rule: str, kind: str, key: str) -> None:
    assert unchecked(rule, bucket(), setting(kind, **{key: UNKNOWN})) == [key]
    loose = setting(kind, bucket=UNKNOWN, **(BLOCK if kind == "PublicAccessBlock" else {}))
    assert unchecked(rule, bucket(), loose) == [""]


def test_a_bucket_that_takes_logs_logs_nothing_itself_and_has_awss_key() -> None:
    logs = resource(LEGACY, "logs", {"bucket": "logs"})
    writes = setting("Logging", targetBucket="logs")
    assert passes("C44f", bucket(), logs, writes)
    assert passes("C44c", bucket(), sse(BY_KEY), logs, writes)
    assert fails("C44c", bucket(), sse(BY_KEY), logs)


@pytest.mark.parametrize("kind", ["s3/bucket:Bucket", "s3/bucketV2:BucketV2"])
def test_a_bucket_is_not_deleted_with_what_it_holds(kind: str) -> None:
    for kept in (ABSENT, None, False, "false"):
        assert passes("C44h", resource(kind, "b", changed({}, forceDestroy=kept)))
    for gone in (True, "true"):
        assert len(fails("C44h", resource(kind, "b", {"forceDestroy": gone}))) == 1
    assert fails("C44h", resource(kind, "b", {"forceDestroy": "perhaps"}))
    assert unchecked("C44h", resource(kind, "b", {"forceDestroy": UNKNOWN})) == ["forceDestroy"]
