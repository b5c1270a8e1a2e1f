"""A customer managed key asks something of whoever uses what it encrypts."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from embedded_aws.authorizer import read_log
from tests.embedded.authorizer_world import World, allow, policy, world

DECRYPT, GENERATE = "kms:Decrypt", "kms:GenerateDataKey"


@pytest.fixture
def aws(tmp_path: Path) -> Iterator[World]:
    with world(tmp_path) as made:
        yield made


@pytest.fixture
def key(aws: World) -> str:
    return aws.admin("kms").create_key()["KeyMetadata"]["Arn"]


def secret(aws: World, **more: Any) -> str:
    return aws.admin("secretsmanager").create_secret(Name="s", SecretString="v", **more)["ARN"]


def through(service: str, key: str, *actions: str) -> dict[str, Any]:
    via = {"StringEquals": {"kms:ViaService": f"{service}.eu-west-1.amazonaws.com"}}
    return allow(list(actions), key, Condition=via)


def calls_of(aws: World, key: str) -> dict[str, Any]:
    """Each: the service, its own permission, and the call."""
    dynamodb, s3 = aws.admin("dynamodb"), aws.admin("s3")
    dynamodb.create_table(
        TableName="t",
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
        SSESpecification={"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": key},
    )
    s3.create_bucket(Bucket="bbb", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    default = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}
    rules = {"Rules": [{"ApplyServerSideEncryptionByDefault": default}]}
    s3.put_bucket_encryption(Bucket="bbb", ServerSideEncryptionConfiguration=rules)
    s3.put_object(Bucket="bbb", Key="there", Body=b"x")
    topic = aws.admin("sns").create_topic(Name="t", Attributes={"KmsMasterKeyId": key})["TopicArn"]
    queue = aws.admin("sqs").create_queue(QueueName="q", Attributes={"KmsMasterKeyId": key})["QueueUrl"]
    held = secret(aws, KmsKeyId=key)
    item = {"pk": {"S": "a"}}
    return {
        "read a secret": ("secretsmanager", lambda c: c.get_secret_value(SecretId="s")),
        "write a secret": ("secretsmanager", lambda c: c.put_secret_value(SecretId=held, SecretString="w")),
        "read an item": ("dynamodb", lambda c: c.get_item(TableName="t", Key=item)),
        "write an item": ("dynamodb", lambda c: c.put_item(TableName="t", Item=item)),
        "get an object": ("s3", lambda c: c.get_object(Bucket="bbb", Key="there")["Body"].close()),
        "put an object": ("s3", lambda c: c.put_object(Bucket="bbb", Key="k", Body=b"x")),
        "upload parts": ("s3", lambda c: c.create_multipart_upload(Bucket="bbb", Key="k")),
        "publish": ("sns", lambda c: c.publish(TopicArn=topic, Message="m")),
        "send": ("sqs", lambda c: c.send_message(QueueUrl=queue, MessageBody="m")),
        "receive": ("sqs", lambda c: c.receive_message(QueueUrl=queue)),
    }


@pytest.mark.parametrize(
    ("what", "actions"),
    [
        ("read a secret", [DECRYPT]),
        ("write a secret", [DECRYPT, GENERATE]),
        ("read an item", [DECRYPT]),
        ("write an item", [DECRYPT]),
        ("get an object", [DECRYPT]),
        ("put an object", [GENERATE]),
        ("upload parts", [DECRYPT, GENERATE]),
        ("publish", [DECRYPT, GENERATE]),
        ("send", [DECRYPT, GENERATE]),
        ("receive", [DECRYPT]),
    ],
)
def test_the_caller_needs_the_key_by_way_of_the_service(
    aws: World, key: str, what: str, actions: list[str]
) -> None:
    service, use = calls_of(aws, key)[what]
    own = allow(f"{service}:*")
    use(aws.caller(service, own, through(service, key, *actions), name="right"))
    with pytest.raises(ClientError):
        use(aws.caller(service, own, through("ec2", key, *actions), name="elsewhere"))
    for missing in actions:
        others = [action for action in actions if action != missing]
        granted = [through(service, key, *others)] if others else []
        with pytest.raises(ClientError, match=f"not authorized to perform: {missing} on resource: {key}"):
            use(aws.caller(service, own, *granted, name=f"without-{missing.split(':')[1]}"))
    assert {(c.action, c.resource) for c in read_log(aws.log_path)} == {(a, key) for a in actions}


def test_a_key_of_aws_asks_nothing(aws: World) -> None:
    secret(aws)
    aws.admin("s3").create_bucket(Bucket="bbb", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    client = aws.caller("s3", allow("s3:*"))
    client.put_object(Bucket="bbb", Key="k", Body=b"x", ServerSideEncryption="aws:kms")
    client.get_object(Bucket="bbb", Key="k")["Body"].close()
    role = aws.role("reader", allow("secretsmanager:GetSecretValue"))
    aws.client("secretsmanager", aws.authorizer.issue(role, "run-1")).get_secret_value(SecretId="s")


def test_a_key_policy_that_names_nobody_locks_out_even_a_role_that_may_use_any_key(aws: World) -> None:
    nobody = policy(allow("kms:*", Principal={"AWS": "arn:aws:iam::123456789012:role/other"}))
    key = aws.admin("kms").create_key(Policy=nobody)["KeyMetadata"]["Arn"]
    secret(aws, KmsKeyId=key)
    with pytest.raises(ClientError, match="because no resource-based policy allows the kms:Decrypt action"):
        aws.caller("secretsmanager", allow("*")).get_secret_value(SecretId="s")


def test_a_description_of_a_secret_needs_no_key(aws: World, key: str) -> None:
    secret(aws, KmsKeyId=key)
    aws.caller("secretsmanager", allow("secretsmanager:DescribeSecret")).describe_secret(SecretId="s")


def test_a_key_may_be_bound_to_one_secret_by_its_encryption_context(aws: World, key: str) -> None:
    full = secret(aws, KmsKeyId=key)
    read = allow("secretsmanager:GetSecretValue")

    def bound(arn: str) -> dict[str, Any]:
        return allow(DECRYPT, key, Condition={"StringEquals": {"kms:EncryptionContext:SecretARN": arn}})

    aws.caller("secretsmanager", read, bound(full), name="right").get_secret_value(SecretId="s")
    with pytest.raises(ClientError, match=DECRYPT):
        aws.caller("secretsmanager", read, bound(f"{full}x"), name="wrong").get_secret_value(SecretId="s")
