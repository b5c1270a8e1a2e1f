"""Policies that AWS keeps, which moto has all of or none of."""

import json
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from tests.embedded.gaps_world import Mended, mended

OF_AWS = "arn:aws:iam::aws:policy/"


@pytest.fixture(scope="module")
def aws() -> Iterator[Mended]:
    with mended() as made:
        yield made


@pytest.fixture
def iam(aws: Mended) -> Any:
    return aws.client("iam")


@pytest.fixture
def role(iam: Any) -> str:
    name = f"role-{uuid.uuid4().hex[:8]}"
    iam.create_role(RoleName=name, AssumeRolePolicyDocument="{}")
    return name


def attached(iam: Any, role: str) -> list[str]:
    found = iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]
    return [policy["PolicyArn"] for policy in found]


@pytest.mark.parametrize("name", ["AmazonEKSClusterPolicy", "service-role/AWSLambdaBasicExecutionRole"])
def test_a_policy_of_aws_is_there_once_it_is_attached(iam: Any, role: str, name: str) -> None:
    for _ in range(2):
        iam.attach_role_policy(RoleName=role, PolicyArn=OF_AWS + name)
    assert attached(iam, role) == [OF_AWS + name]
    found = iam.get_policy(PolicyArn=OF_AWS + name)["Policy"]
    assert found["PolicyName"] == name.rsplit("/", 1)[-1]
    version = iam.get_policy_version(PolicyArn=OF_AWS + name, VersionId=found["DefaultVersionId"])
    assert version["PolicyVersion"]["Document"]["Statement"]


@pytest.mark.parametrize("name", ["NoSuchPolicy", "service-role/AmazonEKSClusterPolicy"])
def test_a_policy_that_aws_does_not_keep_is_refused(iam: Any, role: str, name: str) -> None:
    with pytest.raises(iam.exceptions.NoSuchEntityException):
        iam.attach_role_policy(RoleName=role, PolicyArn=OF_AWS + name)
    assert attached(iam, role) == []


def test_a_policy_of_the_account_is_attached_as_before_whatever_its_name(iam: Any, role: str) -> None:
    statement = {"Effect": "Allow", "Action": "s3:ListAllMyBuckets", "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    made = iam.create_policy(PolicyName="AmazonEKSClusterPolicy", PolicyDocument=document)["Policy"]["Arn"]
    iam.attach_role_policy(RoleName=role, PolicyArn=made)
    assert attached(iam, role) == [made]


def test_a_policy_of_aws_is_detached_and_attached_again(iam: Any, role: str) -> None:
    arn = f"{OF_AWS}AmazonEKSWorkerNodePolicy"
    iam.attach_role_policy(RoleName=role, PolicyArn=arn)
    iam.detach_role_policy(RoleName=role, PolicyArn=arn)
    assert attached(iam, role) == []
    iam.attach_role_policy(RoleName=role, PolicyArn=arn)
    assert attached(iam, role) == [arn]
