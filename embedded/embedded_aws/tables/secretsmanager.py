"""AWS Secrets Manager: secrets, their values, policies and rotation."""

from typing import Any

from embedded_aws.provider.rows import AutoName, Client, Row
from embedded_aws.provider.values import Properties
from embedded_aws.tables.common import by_id, or_none, tagging


def _living(client: Client, arn: str, _state: Properties) -> Any:
    """A secret that is scheduled for deletion counts as gone."""
    found = client.describe_secret(SecretId=arn)
    return None if found.get("DeletedDate") else found


def _delete(client: Client, arn: str, state: Properties) -> None:
    window = state.get("recoveryWindowInDays")
    if _living(client, arn, state) is None:
        return
    if window == 0:
        client.delete_secret(SecretId=arn, ForceDeleteWithoutRecovery=True)
    else:
        client.delete_secret(SecretId=arn, RecoveryWindowInDays=window or 30)


def _current_version(client: Client, version: str, state: Properties) -> Any:
    arn, version_id = version.split("|")
    found = or_none(lambda: client.get_secret_value(SecretId=arn, VersionId=version_id))
    return None if found is None or or_none(lambda: _living(client, arn, state)) is None else found


def _policy(client: Client, arn: str, _state: Properties) -> Any:
    found = client.get_resource_policy(SecretId=arn)
    return found if found.get("ResourcePolicy") else None


def _rotation(client: Client, arn: str, _state: Properties) -> Any:
    found = client.describe_secret(SecretId=arn)
    return found if found.get("RotationEnabled") else None


ROWS = (
    Row(
        token="aws:secretsmanager/secret:Secret",
        service="secretsmanager",
        create="CreateSecret",
        id="{arn}",
        update="UpdateSecret",
        key={"SecretId": "{id}"},
        find=_living,
        outputs=lambda s: {
            "arn": s["ARN"],
            "name": s["Name"],
            "description": s.get("Description", ""),
            "kmsKeyId": s.get("KmsKeyId", ""),
        },
        before_delete=_delete,
        settings=(
            tagging("tag_resource", "untag_resource", "describe_secret", arn=by_id, member="SecretId"),
        ),
        name=AutoName(longest=512),
        replaces=frozenset({"name"}),
        recorded=frozenset({"recoveryWindowInDays", "forceOverwriteReplicaSecret"}),
        defaults={"recoveryWindowInDays": 30},
    ),
    Row(
        token="aws:secretsmanager/secretVersion:SecretVersion",
        service="secretsmanager",
        create="PutSecretValue",
        id="{arn}|{versionId}",
        find=_current_version,
        outputs=lambda v: {
            "arn": v["ARN"],
            "secretId": v["ARN"],
            "versionId": v["VersionId"],
            "secretString": v.get("SecretString", ""),
            "versionStages": v["VersionStages"],
        },
        secrets=frozenset({"secretString", "secretBinary"}),
    ),
    Row(
        token="aws:secretsmanager/secretPolicy:SecretPolicy",
        service="secretsmanager",
        create="PutResourcePolicy",
        id="{secretArn}",
        update="PutResourcePolicy",
        delete="DeleteResourcePolicy",
        key={"SecretId": "{id}"},
        find=_policy,
        renames={"secretArn": "SecretId", "policy": "ResourcePolicy"},
        outputs=lambda p: {"secretArn": p["ARN"], "policy": p["ResourcePolicy"]},
        replaces=frozenset({"secretArn"}),
    ),
    Row(
        token="aws:secretsmanager/secretRotation:SecretRotation",
        service="secretsmanager",
        create="RotateSecret",
        id="{secretId}",
        update="RotateSecret",
        delete="CancelRotateSecret",
        key={"SecretId": "{id}"},
        find=_rotation,
        outputs=lambda s: {
            "secretId": s["ARN"],
            "rotationLambdaArn": s.get("RotationLambdaARN", ""),
            "rotationEnabled": True,
        },
        replaces=frozenset({"secretId"}),
        constant={"RotateImmediately": False},
        recorded=frozenset({"rotateImmediately"}),
    ),
)
