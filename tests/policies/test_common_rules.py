"""C..: what public scanners check too, each from a valid resource with one thing broken."""

import json
from functools import partial
from typing import Any

import pytest

from tests.policies import judging
from tests.policies.judging import ABSENT, UNKNOWN, fails, passes, resource, text, unchecked

KEY_POLICY = {
    "Effect": "Allow",
    "Principal": {"AWS": "arn:aws:iam::123456789012:root"},
    "Action": "kms:*",
    "Resource": "*",
}
VALID: dict[str, tuple[str, dict[str, Any]]] = {
    "C01": (
        "lambda/permission:Permission",
        {
            "action": "lambda:InvokeFunction",
            "principal": "sns.amazonaws.com",
            "sourceArn": "arn:aws:sns:x:1:t",
        },
    ),
    "C02": (
        "lambda/functionUrl:FunctionUrl",
        {"authorizationType": "AWS_IAM", "cors": {"allowOrigins": ["https://a"]}},
    ),
    "C10": ("lambda/function:Function", {"timeout": 30, "memorySize": 256}),
    "C13": ("sqs/queue:Queue", {"kmsMasterKeyId": "key-1", "sqsManagedSseEnabled": False}),
    "C25": (
        "ecr/repository:Repository",
        {"imageScanningConfiguration": {"scanOnPush": True}, "imageTagMutability": "IMMUTABLE"},
    ),
    "C26": ("dynamodb/table:Table", {"pointInTimeRecovery": {"enabled": True}}),
    "C29": ("kms/key:Key", {"enableKeyRotation": True, "policy": text(KEY_POLICY)}),
    "C37": ("cloudwatch/logGroup:LogGroup", {"retentionInDays": 30}),
}


broken = partial(judging.broken, VALID)


@pytest.mark.parametrize("rule", sorted(VALID))
def test_the_valid_one_passes_and_another_type_is_not_judged(rule: str) -> None:
    assert passes(rule, broken(rule))
    assert passes(rule, resource("ec2/vpc:Vpc", "one", {}))


@pytest.mark.parametrize(
    ("rule", "given"),
    [
        ("C01", {"principal": "123456789012", "sourceArn": ABSENT}),
        ("C01", {"principal": "*", "principalOrgId": "o-1"}),
        ("C01", {"sourceArn": None, "sourceAccount": "123456789012"}),
        ("C01", {"sourceArn": UNKNOWN}),
        ("C02", {"cors": ABSENT}),
        ("C02", {"cors": [{"allowOrigins": "https://a"}]}),
        ("C10", {"timeout": "900", "memorySize": 128.0}),
        ("C13", {"kmsMasterKeyId": ABSENT, "sqsManagedSseEnabled": ABSENT}),
        ("C13", {"kmsMasterKeyId": None, "sqsManagedSseEnabled": "true"}),
        ("C29", {"enableKeyRotation": ABSENT, "customerMasterKeySpec": "RSA_2048"}),
        ("C25", {"imageScanningConfiguration": [{"scanOnPush": "true"}]}),
        ("C26", {"tags": {"agent": "a"}, "pointInTimeRecovery": ABSENT}),
        ("C29", {"policy": ABSENT}),
        (
            "C29",
            {
                "policy": text(
                    {
                        **KEY_POLICY,
                        "Principal": "*",
                        "Condition": {"StringEquals": {"kms:CallerAccount": "1"}},
                    }
                )
            },
        ),
        ("C29", {"deletionWindowInDays": 7}),
        ("C37", {"retentionInDays": "365"}),
    ],
)
def test_other_valid_ones_pass(rule: str, given: dict[str, Any]) -> None:
    assert passes(rule, broken(rule, **given))


@pytest.mark.parametrize(
    ("rule", "given"),
    [
        ("C01", {"principal": "*"}),
        ("C01", {"principal": "*", "principalOrgId": ""}),
        ("C01", {"sourceArn": ABSENT}),
        ("C01", {"sourceArn": None}),
        ("C01", {"sourceArn": "", "sourceAccount": ""}),
        ("C01", {"principal": ["sns.amazonaws.com"]}),
        ("C02", {"authorizationType": "NONE"}),
        ("C02", {"authorizationType": ABSENT}),
        ("C02", {"authorizationType": None}),
        ("C02", {"authorizationType": ""}),
        ("C02", {"authorizationType": True}),
        ("C02", {"cors": {"allowOrigins": ["https://a", "*"]}}),
        ("C02", {"cors": {"allowOrigins": "*"}}),
        ("C02", {"cors": [{"allowOrigins": ["*"]}]}),
        ("C02", {"cors": "*"}),
        ("C10", {"timeout": ABSENT}),
        ("C10", {"timeout": None}),
        ("C10", {"timeout": 0}),
        ("C10", {"timeout": 901}),
        ("C10", {"timeout": "long"}),
        ("C10", {"memorySize": ABSENT}),
        ("C10", {"memorySize": 64}),
        ("C10", {"memorySize": []}),
        ("C13", {"kmsMasterKeyId": ABSENT}),
        ("C13", {"kmsMasterKeyId": ""}),
        ("C13", {"kmsMasterKeyId": None, "sqsManagedSseEnabled": "false"}),
        ("C13", {"kmsMasterKeyId": None, "sqsManagedSseEnabled": 0}),
        ("C25", {"imageScanningConfiguration": ABSENT}),
        ("C25", {"imageScanningConfiguration": None}),
        ("C25", {"imageScanningConfiguration": {"scanOnPush": False}}),
        ("C25", {"imageScanningConfiguration": {"scanOnPush": 1}}),
        ("C25", {"imageTagMutability": ABSENT}),
        ("C25", {"imageTagMutability": "MUTABLE"}),
        ("C25", {"imageTagMutability": True}),
        ("C26", {"pointInTimeRecovery": ABSENT}),
        ("C26", {"pointInTimeRecovery": None}),
        ("C26", {"pointInTimeRecovery": {}}),
        ("C26", {"pointInTimeRecovery": {"enabled": "false"}}),
        ("C26", {"pointInTimeRecovery": "yes"}),
        ("C29", {"enableKeyRotation": ABSENT}),
        ("C29", {"enableKeyRotation": None}),
        ("C29", {"enableKeyRotation": "false"}),
        ("C29", {"isEnabled": False}),
        ("C29", {"deletionWindowInDays": 6}),
        ("C29", {"policy": text({**KEY_POLICY, "Principal": "*"})}),
        ("C29", {"policy": {"Statement": {**KEY_POLICY, "Principal": {"AWS": ["*"]}}}}),
        ("C29", {"policy": text({**KEY_POLICY, "Principal": None, "NotPrincipal": {"AWS": "1"}})}),
        ("C29", {"policy": "{"}),
        ("C29", {"policy": json.dumps([])}),
        ("C37", {"retentionInDays": ABSENT}),
        ("C37", {"retentionInDays": None}),
        ("C37", {"retentionInDays": 0}),
        ("C37", {"retentionInDays": "0"}),
        ("C37", {"retentionInDays": "for ever"}),
    ],
)
def test_one_broken_thing_fails_once(rule: str, given: dict[str, Any]) -> None:
    assert len(fails(rule, broken(rule, **given))) == 1


@pytest.mark.parametrize(
    ("rule", "key"),
    [
        ("C01", "principal"),
        ("C02", "authorizationType"),
        ("C02", "cors"),
        ("C10", "timeout"),
        ("C10", "memorySize"),
        ("C13", "kmsMasterKeyId"),
        ("C29", "enableKeyRotation"),
        ("C25", "imageScanningConfiguration"),
        ("C25", "imageTagMutability"),
        ("C26", "pointInTimeRecovery"),
        ("C29", "policy"),
        ("C37", "retentionInDays"),
    ],
)
def test_an_unknown_value_is_not_checked(rule: str, key: str) -> None:
    assert unchecked(rule, broken(rule, **{key: UNKNOWN})) == [key]


def test_a_key_policy_in_a_resource_of_its_own_counts() -> None:
    key = broken("C29", keyId="k-1", policy=ABSENT)
    held = {"keyId": "k-1", "policy": text({**KEY_POLICY, "Principal": "*"})}
    assert fails("C29", key, resource("kms/keyPolicy:KeyPolicy", "own", held))
