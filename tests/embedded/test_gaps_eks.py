"""The network of an EKS cluster, and where its API server answers."""

import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from embedded_aws.moto_gaps import eks
from tests.embedded.gaps_world import Mended, mended


@pytest.fixture
def aws() -> Iterator[Mended]:
    """Of each test's own: what is shown of a cluster is shown of all."""
    with mended() as made:
        yield made


def network(aws: Mended) -> tuple[str, list[str]]:
    ec2 = aws.client("ec2")
    vpc_id = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    zones = [zone["ZoneName"] for zone in ec2.describe_availability_zones()["AvailabilityZones"][:2]]
    made = [
        ec2.create_subnet(VpcId=vpc_id, CidrBlock=f"10.0.{number}.0/24", AvailabilityZone=zone)
        for number, zone in enumerate(zones)
    ]
    return vpc_id, [one["Subnet"]["SubnetId"] for one in made]


def cluster(aws: Mended, subnet_ids: list[str], **more: Any) -> dict[str, Any]:
    given = {
        "name": f"cluster-{uuid.uuid4().hex[:8]}",
        "roleArn": "arn:aws:iam::123456789012:role/cluster",
        "resourcesVpcConfig": {"subnetIds": subnet_ids, **more},
    }
    made = aws.client("eks").create_cluster(**given)["cluster"]
    found = aws.client("eks").describe_cluster(name=given["name"])["cluster"]
    assert found["resourcesVpcConfig"] == made["resourcesVpcConfig"]
    return found


def test_a_cluster_tells_its_network_and_its_security_group(aws: Mended) -> None:
    vpc_id, subnet_ids = network(aws)
    placed = cluster(aws, subnet_ids, endpointPublicAccess=False)["resourcesVpcConfig"]
    assert placed["vpcId"] == vpc_id
    assert placed["subnetIds"] == subnet_ids
    assert placed["endpointPublicAccess"] is False
    (group,) = aws.client("ec2").describe_security_groups(GroupIds=[placed["clusterSecurityGroupId"]])[
        "SecurityGroups"
    ]
    assert group["VpcId"] == vpc_id


def test_clusters_of_two_networks_have_groups_of_their_own(aws: Mended) -> None:
    groups = {cluster(aws, network(aws)[1])["resourcesVpcConfig"]["clusterSecurityGroupId"] for _ in range(2)}
    assert len(groups) == 2


def test_a_cluster_of_no_known_network_is_as_moto_makes_it(aws: Mended) -> None:
    two = [network(aws)[1][0] for _ in range(2)]
    for subnet_ids in (["subnet-0none"], two):
        placed = cluster(aws, subnet_ids)["resourcesVpcConfig"]
        assert placed["subnetIds"] == subnet_ids
        assert not placed.get("clusterSecurityGroupId")


def test_clusters_old_and_new_show_the_api_server_once_it_was_started(aws: Mended) -> None:
    old = cluster(aws, network(aws)[1])
    eks.show("https://127.0.0.1:6443", "Y2E=")
    new = cluster(aws, network(aws)[1])
    assert old["endpoint"] != new["endpoint"]
    for name in (old["name"], new["name"]):
        found = aws.client("eks").describe_cluster(name=name)["cluster"]
        assert (found["endpoint"], found["certificateAuthority"]) == (
            "https://127.0.0.1:6443",
            {"data": "Y2E="},
        )
