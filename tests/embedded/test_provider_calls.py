"""The calls that a row makes, against moto within this process."""

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st
from moto import mock_aws

from embedded_aws.provider import invokes
from embedded_aws.provider.calls import Calls, parse_id, shape_at
from embedded_aws.provider.errors import is_gone
from embedded_aws.provider.protocol import PartlyCreated
from embedded_aws.provider.recorded import Records
from embedded_aws.provider.rows import Client, Recorded, Row, Setting
from embedded_aws.provider.values import Properties
from embedded_aws.tables import all_rows
from embedded_aws.tables.common import ACCOUNT, REGION

# The SDK warns of one of its own modules when the first type of Lambda is looked at.
pytestmark = pytest.mark.filterwarnings("ignore:aws.lambda/microvmsimage:DeprecationWarning")


@pytest.fixture(autouse=True)
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        yield


def client(service: str) -> Any:
    return boto3.client(service, region_name=REGION)  # type: ignore[call-overload]


def calls(token: str) -> Calls:
    row = all_rows()[token]
    assert isinstance(row, Row)
    return Calls(row, client(row.service))


PART = st.from_regex("[a-z0-9-]{1,12}", fullmatch=True)


@given(PART, PART)
def test_an_id_comes_apart_as_it_was_put_together(role: str, name: str) -> None:
    assert parse_id("{role}/{name}", f"{role}/{name}") == {"role": role, "name": name}


@pytest.mark.parametrize("wrong", ["", "a", "/b", "a/"])
def test_an_id_of_another_form_is_refused_with_the_form(wrong: str) -> None:
    with pytest.raises(ValueError, match=r"is not of the form \{role\}/\{name\}"):
        parse_id("{role}/{name}", wrong)


def test_what_a_template_says_literally_is_no_pattern() -> None:
    with pytest.raises(ValueError, match="not of the form"):
        parse_id("{a}.{b}", "axb")


@pytest.mark.parametrize(
    ("code", "gone"),
    [
        ("ResourceNotFoundException", True),
        ("NoSuchEntity", True),
        ("AWS.SimpleQueueService.NonExistentQueue", True),
        ("404", True),
        ("AccessDenied", False),
        ("ResourceInUseException", False),
    ],
)
def test_only_what_says_so_counts_as_gone(code: str, gone: bool) -> None:
    assert is_gone(ClientError({"Error": {"Code": code, "Message": ""}}, "GetThing")) is gone


def test_a_path_leads_through_members_and_lists() -> None:
    answer = client("ec2").meta.service_model.operation_model("DescribeVpcs").output_shape
    found = shape_at(answer, "Vpcs[0].VpcId")
    assert found is not None
    assert found.type_name == "string"
    assert shape_at(answer, "Vpcs[0].None") is None


def test_a_resource_is_made_read_changed_and_deleted_twice() -> None:
    queue = calls("aws:sqs/queue:Queue")
    url, made = queue.create({"name": "q", "visibilityTimeoutSeconds": 60, "tags": {"a": "1"}})
    assert (made["visibilityTimeoutSeconds"], made["name"]) == (60, "q")
    new = {"name": "q", "tags": {"b": "2"}}
    changed = frozenset({"visibilityTimeoutSeconds", "tags"})
    held = queue.update(
        url, made, {"name": "q", "visibilityTimeoutSeconds": 60, "tags": {"a": "1"}}, new, changed
    )
    assert held["visibilityTimeoutSeconds"] == 30
    assert client("sqs").list_queue_tags(QueueUrl=url)["Tags"] == {"b": "2"}
    queue.delete(url, held)
    queue.delete(url, held)
    assert queue.read(url, held) is None


def test_a_setting_that_fails_leaves_the_id_and_the_reason() -> None:
    def refuse(_client: Client, _id: str, _properties: Properties) -> None:
        raise ClientError({"Error": {"Code": "LimitExceeded", "Message": "too many"}}, "PutThing")

    row = Row(
        token="aws:sqs/queue:Queue",
        service="sqs",
        create="CreateQueue",
        id="{url}",
        renames={"name": "QueueName", "url": "QueueUrl"},
        settings=(Setting(("tags",), refuse),),
    )
    with pytest.raises(PartlyCreated, match="PutThing: LimitExceeded: too many") as failed:
        Calls(row, client("sqs")).create({"name": "half", "tags": {"a": "1"}})
    assert failed.value.resource_id == client("sqs").get_queue_url(QueueName="half")["QueueUrl"]
    assert failed.value.state["name"] == "half"


@pytest.mark.parametrize(
    ("token", "replaced", "updated"),
    [
        (
            "aws:dynamodb/table:Table",
            {"hashKey", "rangeKey", "name"},
            {"billingMode", "ttl", "tags", "attributes"},
        ),
        ("aws:iam/role:Role", {"name", "path"}, {"description", "assumeRolePolicy", "tags"}),
        (
            "aws:lambda/function:Function",
            {"name", "packageType"},
            {"memorySize", "code", "sourceCodeHash", "tags"},
        ),
        ("aws:lambda/alias:Alias", {"functionName", "name"}, {"functionVersion", "routingConfig"}),
        ("aws:sqs/queue:Queue", {"name", "fifoQueue"}, {"visibilityTimeoutSeconds", "tags"}),
        ("aws:secretsmanager/secret:Secret", {"name"}, {"description", "tags", "recoveryWindowInDays"}),
        ("aws:secretsmanager/secretVersion:SecretVersion", {"secretString", "secretId"}, set()),
        ("aws:kms/key:Key", {"keyUsage"}, {"description", "policy", "enableKeyRotation"}),
        ("aws:apigatewayv2/api:Api", {"protocolType"}, {"description", "corsConfiguration"}),
    ],
)
def test_a_row_tells_what_forces_replacement(token: str, replaced: set[str], updated: set[str]) -> None:
    row = calls(token)
    assert {name for name in replaced | updated if row.forces_replacement(name)} == replaced


def test_records_keep_update_and_forget() -> None:
    records = Records()
    row = Recorded(token="aws:x/y:Y", id="{name}", outputs=lambda p: {"arn": f"arn:{p['name']}"})
    first, state = records.create(row, {"name": "a"})
    second, _ = records.create(row, {"name": "a"})
    assert state == {"name": "a", "arn": "arn:a"}
    assert records.listed() == [("aws:x/y:Y", "a"), ("aws:x/y:Y", "a:2")]
    assert records.update(row, second, {"name": "b"})["name"] == "b"
    assert records.read(first) == state
    records.delete(first)
    records.delete(first)
    assert records.read(first) is None
    assert records.listed() == [("aws:x/y:Y", "a:2")]


def test_what_a_cloud_before_this_recorded_is_recorded_again_by_an_update() -> None:
    records, row = Records(), Recorded(token="aws:x/y:Y", id="{name}")
    assert records.update(row, "a", {"name": "a"}) == {"name": "a"}
    assert records.listed() == [("aws:x/y:Y", "a")]


def ask(token: str, **given: Any) -> Properties:
    return invokes.answer(token, given, client, REGION)


def test_the_account_the_region_the_partition_and_the_zones_are_told() -> None:
    assert ask("aws:index/getCallerIdentity:getCallerIdentity")["accountId"] == ACCOUNT
    assert ask("aws:index/getRegion:getRegion")["region"] == REGION
    assert ask("aws:index/getPartition:getPartition")["dnsSuffix"] == "amazonaws.com"
    zones = ask("aws:index/getAvailabilityZones:getAvailabilityZones")
    assert zones["names"] == [f"{REGION}{letter}" for letter in "abc"]
    assert len(zones["zoneIds"]) == 3


def test_a_network_a_list_of_addresses_and_a_cluster_are_told_by_their_names() -> None:
    with mock_aws():
        ec2, eks = client("ec2"), client("eks")
        vpc = ec2.create_vpc(CidrBlock="10.7.0.0/16")["Vpc"]["VpcId"]
        subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.7.1.0/24")["Subnet"]["SubnetId"]
        made = {
            "roleArn": f"arn:aws:iam::{ACCOUNT}:role/plane",
            "resourcesVpcConfig": {"subnetIds": [subnet]},
        }
        eks.create_cluster(name="pods", **made)
        assert ask("aws:ec2/getVpc:getVpc", id=vpc)["cidrBlock"] == "10.7.0.0/16"
        for service in ("s3", "dynamodb"):
            name = f"com.amazonaws.{REGION}.{service}"
            found = ask("aws:ec2/getManagedPrefixList:getManagedPrefixList", name=name)
            assert (found["name"], bool(found["entries"])) == (name, True)
        cluster = ask("aws:eks/getCluster:getCluster", name="pods")
        assert cluster["vpcConfig"]["subnetIds"] == [subnet]
        assert cluster["endpoint"].startswith("https://")
        assert cluster["certificateAuthorities"][0]["data"]
    with pytest.raises(ValueError, match="no one managed prefix list"), mock_aws():
        ask("aws:ec2/getManagedPrefixList:getManagedPrefixList", name="com.amazonaws.nowhere.s3")


def test_a_policy_document_is_composed_in_both_forms_with_an_id_of_its_contents() -> None:
    statement = {
        "actions": ["sqs:SendMessage"],
        "resources": ["arn"],
        "conditions": [
            {"test": "StringEquals", "variable": "a", "values": ["1"]},
            {"test": "StringEquals", "variable": "b", "values": ["2"]},
        ],
    }
    found = ask("aws:iam/getPolicyDocument:getPolicyDocument", statements=[statement])
    expected = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Action": ["sqs:SendMessage"],
                "Resource": ["arn"],
                "Condition": {"StringEquals": {"a": ["1"], "b": ["2"]}},
            }
        ],
    }
    assert json.loads(found["json"]) == json.loads(found["minifiedJson"]) == expected
    again = ask("aws:iam/getPolicyDocument:getPolicyDocument", statements=[statement])
    assert (found["id"], found["id"].isdigit()) == (again["id"], True)


@pytest.mark.parametrize(
    ("asked", "word"),
    [
        ({"statements": [{"not_actions": ["*"]}]}, "not_actions"),
        ({"sourcePolicyDocuments": ["{}"]}, "sourcePolicy"),
    ],
)
def test_nothing_of_a_policy_document_is_left_out_in_silence(asked: dict[str, Any], word: str) -> None:
    with pytest.raises(ValueError, match=word):
        ask("aws:iam/getPolicyDocument:getPolicyDocument", **asked)


def test_the_issuer_of_a_session_is_its_role_and_of_anybody_else_themselves() -> None:
    role = client("iam").create_role(RoleName="agent", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    session = f"arn:aws:sts::{ACCOUNT}:assumed-role/agent/run-1"
    assert ask("aws:iam/getSessionContext:getSessionContext", arn=session)["issuerArn"] == role
    assert ask("aws:iam/getSessionContext:getSessionContext", arn=role)["issuerArn"] == role


def test_an_unknown_look_up_is_named_with_those_that_are_answered() -> None:
    with pytest.raises(
        ValueError, match=r"does not answer aws:x/y:y; it answers .*aws:index/getRegion:getRegion"
    ):
        ask("aws:x/y:y")
