"""What a killed deployment had made of a network is found by its tags, and nothing else is."""

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from agent_hosting_cli.orphans_in_networks import NETWORK_KINDS, association, route, tagged

INPUTS = {"tags": {"environment": "local", "Name": "platform"}}


@pytest.fixture
def ec2() -> Iterator[Any]:
    with mock_aws():
        yield boto3.client("ec2", "eu-west-1", aws_access_key_id="testing", aws_secret_access_key="testing")


def network(ec2: Any, tags: dict[str, str]) -> dict[str, str]:
    """One resource of each kind with `tags`, by its kind."""
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/24")["Subnet"]["SubnetId"]
    table = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    address = ec2.allocate_address(Domain="vpc")["AllocationId"]
    group = ec2.create_security_group(GroupName=vpc, Description="workers", VpcId=vpc)["GroupId"]
    nat = ec2.create_nat_gateway(SubnetId=subnet, AllocationId=address)["NatGateway"]["NatGatewayId"]
    endpoint = ec2.create_vpc_endpoint(VpcId=vpc, ServiceName="com.amazonaws.eu-west-1.s3")["VpcEndpoint"]
    logs = ec2.create_flow_logs(
        ResourceIds=[vpc],
        ResourceType="VPC",
        TrafficType="ALL",
        LogDestinationType="s3",
        LogDestination="arn:aws:s3:::" + bucket(vpc),
    )["FlowLogIds"]
    made = {
        "Vpc": vpc,
        "Subnet": subnet,
        "RouteTable": table,
        "InternetGateway": gateway,
        "Eip": address,
        "SecurityGroup": group,
        "NatGateway": nat,
        "VpcEndpoint": endpoint["VpcEndpointId"],
        "FlowLog": logs[0],
    }
    ec2.create_tags(Resources=list(made.values()), Tags=[{"Key": k, "Value": v} for k, v in tags.items()])
    return made


def bucket(name: str) -> str:
    boto3.client(
        "s3", "us-east-1", aws_access_key_id="testing", aws_secret_access_key="testing"
    ).create_bucket(Bucket=name)
    return name


def test_each_kind_is_found_by_its_tags(ec2: Any) -> None:
    made = network(ec2, INPUTS["tags"])
    network(ec2, {"environment": "prod", "Name": "platform"})
    network(ec2, {"environment": "local", "Name": "another"})
    assert {kind.split(":")[-1]: tagged(ec2, kind, INPUTS, set()) for kind in NETWORK_KINDS} == made


def test_what_the_state_knows_is_no_orphan(ec2: Any) -> None:
    made = network(ec2, INPUTS["tags"])
    assert {tagged(ec2, kind, INPUTS, set(made.values())) for kind in NETWORK_KINDS} == {None}


def test_of_two_that_look_alike_none_is_taken(ec2: Any) -> None:
    network(ec2, INPUTS["tags"])
    network(ec2, INPUTS["tags"])
    assert tagged(ec2, "aws:ec2/subnet:Subnet", INPUTS, set()) is None


def test_what_has_no_name_is_not_guessed_at(ec2: Any) -> None:
    network(ec2, {"environment": "local"})
    assert tagged(ec2, "aws:ec2/vpc:Vpc", {"tags": {"environment": "local"}}, set()) is None


def test_what_was_deleted_is_not_found(ec2: Any) -> None:
    made = network(ec2, INPUTS["tags"])
    ec2.delete_nat_gateway(NatGatewayId=made["NatGateway"])
    ec2.delete_subnet(SubnetId=made["Subnet"])
    assert tagged(ec2, "aws:ec2/natGateway:NatGateway", INPUTS, set()) is None
    assert tagged(ec2, "aws:ec2/subnet:Subnet", INPUTS, set()) is None


def test_routes_and_associations_are_found_by_what_they_join(ec2: Any) -> None:
    made = network(ec2, INPUTS["tags"])
    table, subnet = made["RouteTable"], made["Subnet"]
    out = {"routeTableId": table, "destinationCidrBlock": "0.0.0.0/0"}
    joined = {"routeTableId": table, "subnetId": subnet}
    assert (route(ec2, out), association(ec2, joined)) == (None, None)
    ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", NatGatewayId=made["NatGateway"])
    ec2.associate_route_table(RouteTableId=table, SubnetId=subnet)
    assert route(ec2, out) == f"{table}_0.0.0.0/0"
    assert association(ec2, joined) == f"{subnet}/{table}"
