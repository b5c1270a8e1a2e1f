import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from embedded_aws.authorizer import Authorizer, Credentials
from tests.embedded.authorizer_world import (
    ACCOUNT,
    World,
    allow,
    policy,
    world,
)


@pytest.fixture
def aws(tmp_path: Path) -> Iterator[World]:
    with world(tmp_path) as made:
        yield made


def test_credentials_that_nobody_issued_are_refused(aws: World) -> None:
    stranger = Credentials("ASIASTRANGER", "secret", "token")
    expected = {
        "sqs": "InvalidClientTokenId",
        "dynamodb": "UnrecognizedClientException",
        "iam": "InvalidClientTokenId",
        "s3": "InvalidAccessKeyId",
        "lambda": "UnrecognizedClientException",
    }
    calls = {
        "sqs": "list_queues",
        "dynamodb": "list_tables",
        "iam": "list_users",
        "s3": "list_buckets",
        "lambda": "list_functions",
    }
    for service, code in expected.items():
        with pytest.raises(ClientError) as refused:
            getattr(aws.client(service, stranger), calls[service])()
        assert refused.value.response["Error"]["Code"] == code
        assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403


@pytest.mark.parametrize("token", ["another", ""])
def test_a_known_key_with_another_token_is_refused(aws: World, token: str) -> None:
    held = aws.authorizer.issue(aws.role("agent", allow("*")), "run-1")
    stolen = dataclasses.replace(held, session_token=token)
    with pytest.raises(ClientError, match="UnrecognizedClientException"):
        aws.client("dynamodb", stolen).list_tables()


def test_whoever_has_credentials_may_ask_whose_they_are(aws: World) -> None:
    aws.caller("sts", {"Effect": "Deny", "Action": "*", "Resource": "*"}).get_caller_identity()


def test_a_session_that_sts_handed_out_is_known_once_it_is_registered(aws: World) -> None:
    root = f"arn:aws:iam::{ACCOUNT}:root"
    trust = {"Effect": "Allow", "Principal": {"AWS": root}, "Action": "sts:AssumeRole"}
    tenant = aws.role("tenant", allow("sqs:ListQueues"), trust=trust, Path="/tenants/")
    sts = aws.caller("sts", allow("sts:AssumeRole", tenant))
    given = sts.assume_role(RoleArn=tenant, RoleSessionName="run-2")["Credentials"]
    held = Credentials(given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"])
    with pytest.raises(ClientError, match="InvalidClientTokenId"):
        aws.client("sqs", held).list_queues()
    pathless = f"arn:aws:iam::{ACCOUNT}:role/tenant"
    aws.authorizer.register_assumed_role(held.access_key_id, held.session_token, pathless, "run-2")
    aws.client("sqs", held).list_queues()
    with pytest.raises(
        ClientError, match="assumed-role/tenant/run-2 is not authorized to perform: sns:ListTopics"
    ):
        aws.client("sns", held).list_topics()


def test_a_role_that_does_not_trust_the_caller_cannot_be_assumed(aws: World) -> None:
    other = aws.role("other")
    with pytest.raises(ClientError, match="no resource-based policy allows the sts:AssumeRole action"):
        aws.caller("sts", allow("*")).assume_role(RoleArn=other, RoleSessionName="run-2")


def test_a_session_of_a_role_that_is_gone_may_do_nothing(aws: World) -> None:
    client = aws.caller("sqs", allow("*"))
    client.list_queues()
    aws.admin("iam").delete_role_policy(RoleName="agent", PolicyName="own")
    aws.admin("iam").delete_role(RoleName="agent")
    with pytest.raises(ClientError, match="AccessDenied"):
        client.list_queues()


def test_the_administrator_is_limited_by_no_policy(aws: World) -> None:
    aws.admin("secretsmanager").create_secret(Name="s", SecretString="v")
    guard = {"Effect": "Deny", "Principal": "*", "Action": "*", "Resource": "*"}
    aws.admin("secretsmanager").put_resource_policy(SecretId="s", ResourcePolicy=policy(guard))
    client = aws.client("secretsmanager", Credentials("embedded", "secret", ""))
    assert client.get_secret_value(SecretId="s")["SecretString"] == "v"


def test_secrets_of_credentials_stay_out_of_their_representation(tmp_path: Path) -> None:
    held = Authorizer(tmp_path / "log").issue(f"arn:aws:iam::{ACCOUNT}:role/agent", "run-1")
    assert held.access_key_id.startswith("ASIA")
    assert held.secret_access_key not in repr(held)
    assert held.session_token not in repr(held)
