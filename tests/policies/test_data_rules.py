"""C13 to C29 on data at rest: each from a valid resource with one thing broken."""

import json
from functools import partial
from typing import Any

import pytest

from tests.policies import judging
from tests.policies.judging import ABSENT, ACCOUNT, UNKNOWN, changed, fails, passes, resource, text, unchecked

KEY = f"arn:aws:kms:eu-west-1:{ACCOUNT}:key/1"
COPY = {"regionName": "eu-central-1", "kmsKeyArn": KEY, "pointInTimeRecovery": True}
EFS = {"fileSystemId": "fs-1", "transitEncryption": "ENABLED"}
VALID: dict[str, tuple[str, dict[str, Any]]] = {
    "C13b": ("sqs/queue:Queue", {"kmsMasterKeyId": KEY}),
    "C17": ("sns/topic:Topic", {"kmsMasterKeyId": KEY}),
    "C17e": ("sns/topic:Topic", {"kmsMasterKeyId": KEY}),
    "C24": ("ecs/taskDefinition:TaskDefinition", {"volumes": [{"name": "v", "efsVolumeConfiguration": EFS}]}),
    "C25b": (
        "ecr/repository:Repository",
        {"encryptionConfigurations": [{"encryptionType": "KMS", "kmsKey": KEY}]},
    ),
    "C26": ("dynamodb/table:Table", {"pointInTimeRecovery": {"enabled": True}, "replicas": [COPY]}),
    "C27": (
        "dynamodb/table:Table",
        {"serverSideEncryption": {"enabled": True, "kmsKeyArn": KEY}, "replicas": [COPY]},
    ),
    "C27b": ("dynamodb/table:Table", {"deletionProtectionEnabled": True}),
    "C27c": ("dynamodb/table:Table", {"billingMode": "PAY_PER_REQUEST"}),
    "C28": ("secretsmanager/secret:Secret", {"kmsKeyId": KEY}),
    "C29b": ("kms/key:Key", {"policy": text({"Effect": "Allow", "Principal": {"AWS": "1"}, "Action": "*"})}),
    "AG13d": ("dynamodb/table:Table", {"hashKey": "pk", "tags": {"agent": "a"}}),
}


broken = partial(judging.broken, VALID)


@pytest.mark.parametrize("rule", sorted(VALID))
def test_the_valid_one_passes_and_another_type_is_not_judged(rule: str) -> None:
    assert passes(rule, broken(rule))
    assert passes(rule, resource("ec2/vpc:Vpc", "one", {}))


@pytest.mark.parametrize(
    ("rule", "given"),
    [
        ("C13b", {"kmsMasterKeyId": "alias/mine"}),
        ("C17", {"kmsMasterKeyId": "alias/aws/sns"}),
        ("C17e", {"kmsMasterKeyId": ABSENT}),  # C17's
        ("C24", {"volumes": ABSENT}),
        ("C24", {"volumes": [{"name": "scratch"}]}),
        ("C24", {"volumes": {"name": "v", "efsVolumeConfiguration": [EFS]}}),
        ("C25b", {"encryptionConfigurations": {"encryptionType": "KMS_DSSE", "kmsKey": KEY}}),
        ("C26", {"replicas": ABSENT}),
        ("C26", {"replicas": [], "pointInTimeRecovery": [{"enabled": "true"}]}),
        ("C26", {"pointInTimeRecovery": ABSENT, "tags": {"agent": "a"}}),  # AG13's
        ("C27", {"serverSideEncryption": [{"enabled": True, "kmsKeyArn": KEY}], "replicas": None}),
        ("C27b", {"deletionProtectionEnabled": False, "tags": {"agent": "a"}}),  # AG13b's
        ("C28", {"replicas": [{"region": "eu-central-1", "kmsKeyId": KEY}]}),
        ("C29b", {"policy": UNKNOWN}),
        ("C29b", {"policy": {"Statement": []}}),
        ("AG13d", {"hashKey": "tenantId"}),
        ("AG13d", {"hashKey": "run_id", "tags": ABSENT}),
        ("AG13d", {"attributes": [{"name": "pk", "type": "S"}, {"name": "n", "type": "N"}]}),
    ],
)
def test_other_valid_ones_pass(rule: str, given: dict[str, Any]) -> None:
    assert passes(rule, broken(rule, **given))


@pytest.mark.parametrize(
    ("rule", "given"),
    [
        *((rule, {"kmsMasterKeyId": held}) for rule in ("C13b", "C17") for held in (ABSENT, None, "", [KEY])),
        *(("C13b", {"kmsMasterKeyId": f"{front}alias/aws/sqs"}) for front in ("", "arn:aws:kms:x:1:")),
        ("C17e", {"kmsMasterKeyId": "alias/aws/sns"}),
        *(
            ("C24", {"volumes": [{"efsVolumeConfiguration": changed(EFS, transitEncryption=held)}]})
            for held in (ABSENT, None, "DISABLED", "enabled", True)
        ),
        ("C24", {"volumes": [{"efsVolumeConfiguration": [{"fileSystemId": UNKNOWN}]}]}),
        *(
            ("C25b", {"encryptionConfigurations": held})
            for held in (ABSENT, None, [], [{}], [{"encryptionType": "AES256"}], [{"encryptionType": "KMS"}])
        ),
        ("C25b", {"encryptionConfigurations": [{"encryptionType": "AES256", "kmsKey": KEY}]}),
        ("C25b", {"encryptionConfigurations": "KMS"}),
        *(
            ("C26", {"replicas": [changed(COPY, pointInTimeRecovery=held)]})
            for held in (ABSENT, None, False, "false", "yes")
        ),
        ("C26", {"replicas": [COPY, {"regionName": "x"}]}),
        *(
            ("C27", {"serverSideEncryption": held})
            for held in (
                ABSENT,
                None,
                {},
                {"enabled": True},
                {"enabled": False, "kmsKeyArn": KEY},
                {"kmsKeyArn": KEY},
                {"enabled": True, "kmsKeyArn": f"arn:aws:kms:eu-west-1:{ACCOUNT}:alias/aws/dynamodb"},
                True,
            )
        ),
        ("C27", {"replicas": [changed(COPY, kmsKeyArn=ABSENT)]}),
        *(("C27b", {"deletionProtectionEnabled": held}) for held in (ABSENT, None, False, "false", 1)),
        *(("C27c", {"billingMode": held}) for held in (ABSENT, None, "PROVISIONED", True)),
        *(("C28", {"kmsKeyId": held}) for held in (ABSENT, None, "", "alias/aws/secretsmanager", [KEY])),
        ("C28", {"replicas": [{"region": "eu-central-1"}]}),
        *(("C29b", {"policy": held}) for held in (ABSENT, None, "", {})),
        *(("AG13d", {"hashKey": held}) for held in ("run_id", "session", "id", ["pk"])),
        ("AG13d", {"attributes": [{"name": "pk", "type": "N"}]}),
    ],
)
def test_one_broken_thing_fails_once(rule: str, given: dict[str, Any]) -> None:
    assert len(fails(rule, broken(rule, **given))) == 1


@pytest.mark.parametrize(
    ("rule", "key"),
    [
        *((rule, "kmsMasterKeyId") for rule in ("C13b", "C17", "C17e")),
        ("C24", "volumes"),
        ("C25b", "encryptionConfigurations"),
        ("C26", "pointInTimeRecovery"),
        ("C26", "replicas"),
        ("C27", "serverSideEncryption"),
        ("C27b", "deletionProtectionEnabled"),
        ("C27c", "billingMode"),
        ("C28", "kmsKeyId"),
        ("AG13d", "hashKey"),
    ],
)
def test_an_unknown_value_is_not_checked(rule: str, key: str) -> None:
    assert unchecked(rule, broken(rule, **{key: UNKNOWN})) == [key]


@pytest.mark.parametrize("rule", ["C26", "C27", "C27b"])
def test_a_replica_in_a_resource_of_its_own_is_judged_by_itself(rule: str) -> None:
    held = {"globalTableArn": "arn", "kmsKeyArn": KEY, "pointInTimeRecovery": True}
    whole = {**held, "deletionProtectionEnabled": True}
    assert passes(rule, resource("dynamodb/tableReplica:TableReplica", "copy", whole))
    bare = {"globalTableArn": "arn", "tags": {"agent": "a"}}
    assert len(fails(rule, resource("dynamodb/tableReplica:TableReplica", "copy", bare))) == 1


SCANNING = {
    "scanType": "ENHANCED",
    "rules": [
        {"scanFrequency": "CONTINUOUS_SCAN", "repositoryFilters": [{"filter": "*", "filterType": "WILDCARD"}]}
    ],
}
REPOSITORY = {"name": "agents/review", "imageTagMutability": "IMMUTABLE"}


def scanned(filter_: str, frequency: str = "SCAN_ON_PUSH", **given: Any) -> Any:
    rule = {"scanFrequency": frequency, "repositoryFilters": [{"filter": filter_, "filterType": "WILDCARD"}]}
    held = changed(SCANNING, rules=[rule], **given)
    return resource("ecr/registryScanningConfiguration:RegistryScanningConfiguration", "all", held)


def repository(**given: Any) -> Any:
    return resource("ecr/repository:Repository", "images", changed(REPOSITORY, **given))


@pytest.mark.parametrize("pattern", ["*", "agents/*", "review", "agents/review"])
def test_a_registry_that_scans_the_repository_counts(pattern: str) -> None:
    assert passes("C25", repository(), scanned(pattern))
    assert passes("C25", repository(), scanned(pattern, "CONTINUOUS_SCAN", scanType="BASIC"))


def test_a_registry_that_passes_the_repository_over_does_not() -> None:
    on = {"scanOnPush": True}
    assert fails("C25", repository(), scanned("other*"))
    assert fails("C25", repository(), scanned("*", "MANUAL"))
    assert fails("C25", repository(imageScanningConfiguration=on), scanned("other*")), (
        "its own counts no more"
    )
    assert passes("C25", repository(imageScanningConfiguration=on), scanned("other*", scanType=ABSENT))
    assert unchecked("C25", repository(name=UNKNOWN), scanned("agents/*")) == ["name"]
    assert unchecked("C25", repository(name=ABSENT), scanned("agents/*")) == ["name"]
    assert passes("C25", repository(name=UNKNOWN), scanned("*"))


def test_tags_that_are_excluded_one_and_all_are_not_immutable() -> None:
    given = {
        "imageScanningConfiguration": {"scanOnPush": True},
        "imageTagMutability": "IMMUTABLE_WITH_EXCLUSION",
    }
    few, all_ = ([{"filter": f, "filterType": "WILDCARD"}] for f in ("dev-*", "*"))
    assert passes("C25", repository(**given, imageTagMutabilityExclusionFilters=few))
    assert fails("C25", repository(**given, imageTagMutabilityExclusionFilters=all_))


PULL = {"Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": "ecr:BatchGetImage"}


@pytest.mark.parametrize("as_text", [True, False])
def test_a_repositorys_policy_names_who_may_pull(as_text: bool) -> None:
    def held(**given: Any) -> Any:
        statement = changed(PULL, **given)
        document = text(statement) if as_text else {"Statement": statement}
        return resource("ecr/repositoryPolicy:RepositoryPolicy", "own", {"policy": document})

    assert passes("C25c", held())
    organization = {"StringEquals": {"aws:PrincipalOrgID": "o-1"}}
    assert passes("C25c", held(Principal="*", Condition=organization))
    assert len(fails("C25c", held(Principal="*"))) == 1
    assert len(fails("C25c", held(Principal={"AWS": ["*"]}))) == 1
    assert fails("C25c", held(Principal="*", Condition={"Bool": {"aws:SecureTransport": "true"}}))
    assert fails("C25c", held(Principal="*", Condition={"StringLike": {"aws:PrincipalOrgID": "*"}}))
    assert fails("C25c", held(Principal="*", Condition={"StringEqualsIfExists": {"aws:SourceAccount": "1"}}))


def test_a_repository_has_a_lifecycle_policy() -> None:
    rules = {"rules": [{"rulePriority": 1, "action": {"type": "expire"}}]}

    def lifecycle(policy: Any, of: Any = "agents/review") -> Any:
        return resource("ecr/lifecyclePolicy:LifecyclePolicy", "old", {"repository": of, "policy": policy})

    for policy in (json.dumps(rules), rules, UNKNOWN):
        assert passes("C25d", repository(), lifecycle(policy))
    for policy in (None, "", json.dumps({"rules": []}), {"rules": []}):
        assert len(fails("C25d", repository(), lifecycle(policy))) == 1
    assert len(fails("C25d", repository())) == 1
    assert fails("C25d", repository(), lifecycle(json.dumps(rules), "another"))
    assert unchecked("C25d", repository(), lifecycle(json.dumps(rules), UNKNOWN)) == [""]


TARGET = {"resourceId": "table/runs", "serviceNamespace": "dynamodb"}


def table(**given: Any) -> Any:
    valid = {"name": "runs", "arn": f"arn:aws:dynamodb:eu-west-1:{ACCOUNT}:table/runs", "tags": {"team": "a"}}
    return resource("dynamodb/table:Table", "runs", changed(valid, **given))


def target(kind: str, **given: Any) -> Any:
    held = {**TARGET, "scalableDimension": f"dynamodb:table:{kind}CapacityUnits", **given}
    made_from = {"resourceId": ("runs",)} if given else None
    return resource("appautoscaling/target:Target", kind, held, made_from)


def test_a_table_with_scaled_reads_and_writes_passes() -> None:
    assert passes("C27c", table(), target("Read"), target("Write"))
    assert passes("C27c", table(), target("Read", resourceId=UNKNOWN), target("Write", resourceId=UNKNOWN))
    assert "WriteCapacityUnits" in fails("C27c", table(), target("Read"))[0]
    assert fails("C27c", table(name="others"), target("Read"), target("Write"))


def selection(**given: Any) -> Any:
    held = {"planId": "p", "iamRoleArn": "r", **given}
    return resource("backup/selection:Selection", "all", held)


LIKE = {"key": "aws:ResourceTag/team", "value": "a"}


@pytest.mark.parametrize(
    "given",
    [
        {"resources": [f"arn:aws:dynamodb:eu-west-1:{ACCOUNT}:table/runs"]},
        {"resources": ["*"]},
        {"resources": "arn:aws:dynamodb:*:*:table/*"},
        {"selectionTags": [{"type": "STRINGEQUALS", "key": "team", "value": "a"}]},
        {"resources": ["*"], "conditions": [{"stringEquals": [LIKE]}]},
        {"conditions": {"stringLikes": {"key": "aws:ResourceTag/team", "value": "*"}}},
    ],
)
def test_a_table_that_a_backup_plan_takes_in_passes(given: dict[str, Any]) -> None:
    assert passes("C27d", table(), selection(**given))


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"resources": []},
        {"resources": ["arn:aws:s3:::*"]},
        {"selectionTags": [{"type": "STRINGEQUALS", "key": "team", "value": "b"}]},
        {"resources": ["*"], "conditions": [{"stringNotEquals": [LIKE]}]},
        {"resources": ["*"], "conditions": [{"stringEquals": [{"key": "aws:ResourceTag/x", "value": "y"}]}]},
        {"resources": ["*"], "notResources": [f"arn:aws:dynamodb:eu-west-1:{ACCOUNT}:table/runs"]},
    ],
)
def test_a_table_that_no_backup_plan_takes_in_fails(given: dict[str, Any]) -> None:
    assert len(fails("C27d", table(), selection(**given))) == 1
    assert len(fails("C27d", table())) == 1


def test_a_selection_that_is_unknown_is_joined_by_its_dependencies() -> None:
    held = {"planId": "p", "resources": UNKNOWN}
    joined = resource("backup/selection:Selection", "all", held, {"resources": ("runs",)})
    assert passes("C27d", table(arn=ABSENT), joined)
    assert unchecked("C27d", table(), selection(conditions=UNKNOWN)) == ["conditions"]


SECRET = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:a"


def secret() -> Any:
    return resource("secretsmanager/secret:Secret", "a", {"arn": SECRET, "id": SECRET})


def rotation(rules: Any, of: Any = SECRET) -> Any:
    held = {"secretId": of, "rotationLambdaArn": "arn:f", "rotationRules": rules}
    return resource("secretsmanager/secretRotation:SecretRotation", "turns", held)


@pytest.mark.parametrize(
    "rules",
    [
        {"automaticallyAfterDays": 90},
        {"automaticallyAfterDays": "30"},
        [{"automaticallyAfterDays": 1}],
        {"scheduleExpression": "rate(10 days)"},
        {"scheduleExpression": "rate(4 hours)"},
        {"scheduleExpression": "cron(0 16 1 * ? *)"},
        {"scheduleExpression": "cron(0 16 1 */3 ? *)"},
        {"scheduleExpression": "cron(0 16 1 1,4,7,10 ? *)"},
    ],
)
def test_a_secret_that_changes_each_quarter_passes(rules: Any) -> None:
    assert passes("C28b", secret(), rotation(rules))


@pytest.mark.parametrize(
    "rules",
    [
        None,
        {},
        {"automaticallyAfterDays": 91},
        {"automaticallyAfterDays": "a month"},
        {"scheduleExpression": "rate(91 days)"},
        {"scheduleExpression": "cron(0 16 1 1 ? *)"},
        {"scheduleExpression": "cron(0 16 1 1,3 ? *)"},
        {"scheduleExpression": "cron(0 16 1 */4 ? *)"},
        {"scheduleExpression": "cron(0 16 1 * ? 2027)"},
        {"scheduleExpression": "now and then"},
        "each month",
    ],
)
def test_a_secret_that_changes_too_seldom_fails(rules: Any) -> None:
    assert len(fails("C28b", secret(), rotation(rules))) == 1


def test_a_rotation_belongs_to_the_secret_that_it_names() -> None:
    assert len(fails("C28b", secret())) == 1
    assert fails("C28b", secret(), rotation({"automaticallyAfterDays": 30}, "another"))
    assert unchecked("C28b", secret(), rotation({"automaticallyAfterDays": 30}, UNKNOWN)) == [""]
    assert unchecked("C28b", secret(), rotation(UNKNOWN)) == ["rotationRules"]


def test_keys_of_other_kinds_are_judged_as_well() -> None:
    for kind in ("replicaKey:ReplicaKey", "externalKey:ExternalKey", "replicaExternalKey:ReplicaExternalKey"):
        assert passes("C29", resource(f"kms/{kind}", "one", {"enabled": True}))
        assert fails("C29", resource(f"kms/{kind}", "one", {"enabled": False}))
        assert fails("C29", resource(f"kms/{kind}", "one", {"deletionWindowInDays": 3}))
        assert fails("C29b", resource(f"kms/{kind}", "one", {}))
    lax = {"enableKeyRotation": True, "bypassPolicyLockoutSafetyCheck": True}
    assert fails("C29", resource("kms/key:Key", "one", lax))


def test_a_key_policy_in_a_resource_of_its_own_states_the_policy() -> None:
    key = resource("kms/key:Key", "one", {"keyId": "k-1"})
    own = {"keyId": "k-1", "policy": VALID["C29b"][1]["policy"]}
    assert passes("C29b", key, resource("kms/keyPolicy:KeyPolicy", "own", own))
    loose = {"keyId": UNKNOWN, "policy": own["policy"]}
    assert unchecked("C29b", key, resource("kms/keyPolicy:KeyPolicy", "own", loose)) == [""]


AGENT = {"agent": "a"}


def agents_table() -> Any:
    return resource("dynamodb/table:Table", "runs", {"tags": AGENT})


@pytest.mark.parametrize(
    "other",
    [
        ("s3/bucket:Bucket", {"tags": AGENT}),
        ("s3/bucketV2:BucketV2", {"tagsAll": AGENT}),
        ("lambda/function:Function", {"tags": AGENT, "environment": {"variables": {"OVERFLOW_BUCKET": "b"}}}),
        (
            "ecs/taskDefinition:TaskDefinition",
            {"tags": AGENT, "containerDefinitions": '[{"name": "BUCKET"}]'},
        ),
    ],
)
def test_an_agent_with_a_bucket_beside_its_table_passes(other: Any) -> None:
    assert passes("AG13c", agents_table(), resource(other[0], "other", other[1]))


@pytest.mark.parametrize(
    "other",
    [
        ("s3/bucket:Bucket", {"tags": {"agent": "b"}}),
        ("s3/bucket:Bucket", {}),
        ("lambda/function:Function", {"tags": AGENT, "environment": {"variables": {"TABLE": "b"}}}),
    ],
)
def test_an_agent_with_a_table_alone_fails(other: Any) -> None:
    assert len(fails("AG13c", agents_table(), resource(other[0], "other", other[1]))) == 1
    assert passes("AG13c", resource("dynamodb/table:Table", "runs", {}))


def test_a_bucket_whose_agent_is_unknown_is_not_passed_over() -> None:
    assert unchecked("AG13c", agents_table(), resource("s3/bucket:Bucket", "b", {"tags": UNKNOWN})) == [
        "b.tags"
    ]
    hidden = {"tags": AGENT, "environment": UNKNOWN}
    assert unchecked("AG13c", agents_table(), resource("lambda/function:Function", "f", hidden)) == [
        "f.environment"
    ]


def test_a_deleted_secret_can_be_brought_back() -> None:
    def deleted(**given: Any) -> Any:
        return resource("secretsmanager/secret:Secret", "s", changed({}, **given))

    for days in (ABSENT, None, 7, 30, "30"):
        assert passes("C28c", deleted(recoveryWindowInDays=days))
    for days in (0, "0"):
        assert len(fails("C28c", deleted(recoveryWindowInDays=days))) == 1
    assert fails("C28c", deleted(recoveryWindowInDays="never"))
    assert unchecked("C28c", deleted(recoveryWindowInDays=UNKNOWN)) == ["recoveryWindowInDays"]
