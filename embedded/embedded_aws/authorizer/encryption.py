"""What a caller needs of the customer managed key that encrypts the target: its service acts on their behalf.

- DynamoDB decrypts its table key as "the principal who is accessing the table":
  https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/encryption.usagenotes.html
- Secrets Manager needs kms:GenerateDataKey and kms:Decrypt to write, kms:Decrypt to read:
  https://docs.aws.amazon.com/secretsmanager/latest/userguide/security-encryption.html
- SQS needs both of a producer, kms:Decrypt of a consumer:
  https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html
- SNS needs both of a publisher: https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html
- S3 needs kms:GenerateDataKey to put, kms:Decrypt to get, both for multipart uploads:
  https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html

AWS managed keys admit every caller of their service, so they ask nothing here.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from embedded_aws.authorizer import sources
from embedded_aws.authorizer.needs import ACCOUNT, Need

_DECRYPT, _ENCRYPT = ("kms:Decrypt",), ("kms:GenerateDataKey",)
_BOTH = _ENCRYPT + _DECRYPT

_USES: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(
        (
            "dynamodb:GetItem",
            "dynamodb:BatchGetItem",
            "dynamodb:Query",
            "dynamodb:Scan",
            "dynamodb:PutItem",
            "dynamodb:UpdateItem",
            "dynamodb:DeleteItem",
            "dynamodb:BatchWriteItem",
            "dynamodb:ConditionCheckItem",
            "secretsmanager:GetSecretValue",
            "sqs:ReceiveMessage",
        ),
        _DECRYPT,
    ),
    "secretsmanager:PutSecretValue": _BOTH,
    "secretsmanager:UpdateSecret": _BOTH,
    "sns:Publish": _BOTH,
    "sqs:SendMessage": _BOTH,
}
"""IAM action -> what it needs of the key. S3 is apart: its key depends on the request and the object."""


def with_keys(needs: Iterable[Need], region: str, operation: str, params: Mapping[str, Any]) -> list[Need]:
    """The needs, and after each the needs of its key."""
    found: list[Need] = []
    for need in needs:
        found.append(need)
        service = need.action.split(":", 1)[0]
        if service == "s3":
            actions, key_id = _of_object(need, operation, params)
        elif actions := _USES.get(need.action, ()):
            key_id = _key_of(need.resource, service, region)
        else:
            continue
        key = sources.kms_key(region, key_id) if actions else None
        if key is not None and not any(alias.startswith("alias/aws/") for alias in key.aliases):
            found += [Need(action, str(key.arn), _context(service, need, key)) for action in actions]
    return found


def _key_of(arn: str, service: str, region: str) -> str | None:
    if service == "dynamodb":
        table: Any = sources.table(region, arn.split("/index/", 1)[0])
        sse: Any = (table.sse_specification if table is not None else None) or {}
        return sse.get("KMSMasterKeyId") if str(sse.get("Enabled")).lower() == "true" else None
    if service == "secretsmanager":
        return getattr(sources.secret(region, arn), "kms_key_id", None)
    held = sources.topic(arn) if service == "sns" else sources.queue(arn)
    return getattr(held, "kms_master_key_id", None)


def _of_object(need: Need, operation: str, params: Mapping[str, Any]) -> tuple[tuple[str, ...], str | None]:
    if "/" not in need.resource:
        return (), None
    name, key = need.resource.removeprefix("arn:aws:s3:::").split("/", 1)
    bucket: Any = sources.bucket(name)
    if bucket is None:
        return (), None
    if need.action in {"s3:GetObject", "s3:GetObjectVersion"} and operation != "HeadObject":
        held: Any = bucket.keys.get(key)
        if held is None or not str(held.encryption).startswith("aws:kms"):
            return (), None
        return _DECRYPT, held.kms_key_id
    if need.action != "s3:PutObject":
        return (), None
    algorithm, key_id = params.get("ServerSideEncryption"), params.get("SSEKMSKeyId")
    if algorithm is None and bucket.encryption:
        rule = bucket.encryption["Rule"]
        rule = rule[0] if isinstance(rule, list) else rule
        default = rule.get("ApplyServerSideEncryptionByDefault", {})
        algorithm, key_id = default.get("SSEAlgorithm"), default.get("KMSMasterKeyID")
    if not str(algorithm).startswith("aws:kms"):
        return (), None
    return _ENCRYPT if operation in {"PutObject", "CopyObject"} else _BOTH, key_id


_ENCRYPTION_CONTEXT = {
    "dynamodb": "aws:dynamodb:tablename",
    "s3": "aws:s3:arn",
    "secretsmanager": "secretarn",
    "sns": "aws:sns:topicarn",
    "sqs": "aws:sqs:arn",
}


def _context(service: str, need: Need, key: Any) -> dict[str, tuple[str, ...]]:
    """https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html"""
    table = need.resource.split("/index/", 1)[0].rsplit("/", 1)[-1]
    principal = f"{service}.amazonaws.com"
    return {
        "kms:viaservice": (f"{service}.{key.region}.amazonaws.com",),
        "kms:calleraccount": (ACCOUNT,),
        f"kms:encryptioncontext:{_ENCRYPTION_CONTEXT[service]}": (
            table if service == "dynamodb" else need.resource,
        ),
        "aws:viaawsservice": ("true",),
        "aws:calledvia": (principal,),
        "aws:calledviafirst": (principal,),
        "aws:calledvialast": (principal,),
    }
