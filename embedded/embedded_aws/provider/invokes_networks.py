"""Look-ups of networks and of the clusters in them."""

from collections.abc import Callable
from typing import Any

from embedded_aws.provider.rows import Client
from embedded_aws.provider.values import Properties

ClientFor = Callable[[str], Client]


def vpc(given: Properties, client: ClientFor, _region_name: str) -> Properties:
    """By id."""
    found = client("ec2").describe_vpcs(VpcIds=[given["id"]])["Vpcs"][0]
    return {
        "id": found["VpcId"],
        "cidrBlock": found["CidrBlock"],
        "default": found["IsDefault"],
        "instanceTenancy": found["InstanceTenancy"],
        "state": found["State"],
        "tags": {tag["Key"]: tag["Value"] for tag in found.get("Tags", [])},
    }


def prefix_list(given: Properties, client: ClientFor, _region_name: str) -> Properties:
    """By name, with its entries."""
    ec2, name = client("ec2"), given["name"]
    asked = [{"Name": "prefix-list-name", "Values": [name]}]
    found = ec2.describe_managed_prefix_lists(Filters=asked)["PrefixLists"]
    if not found:
        raise ValueError(f"no matching EC2 Managed Prefix List found: {name}")
    held = found[0]
    entries = ec2.get_managed_prefix_list_entries(PrefixListId=held["PrefixListId"])["Entries"]
    return {
        "id": held["PrefixListId"],
        "arn": held["PrefixListArn"],
        "name": name,
        "addressFamily": held.get("AddressFamily", "IPv4"),
        "entries": [{"cidr": one["Cidr"], "description": one.get("Description", "")} for one in entries],
        "maxEntries": held.get("MaxEntries", len(entries)),
        "ownerId": held["OwnerId"],
        "version": held.get("Version", 1),
        "tags": {},
    }


def eks_cluster(given: Properties, client: ClientFor, _region_name: str) -> Properties:
    """By name."""
    found: dict[str, Any] = client("eks").describe_cluster(name=given["name"])["cluster"]
    inside = found["resourcesVpcConfig"]
    authority = (found.get("certificateAuthority") or {}).get("data", "")
    return {
        "id": found["name"],
        "name": found["name"],
        "arn": found["arn"],
        "endpoint": found["endpoint"],
        "version": found["version"],
        "status": found["status"],
        "roleArn": found["roleArn"],
        "certificateAuthorities": [{"data": authority}],
        "vpcConfig": {
            "clusterSecurityGroupId": inside.get("clusterSecurityGroupId", ""),
            "endpointPrivateAccess": inside.get("endpointPrivateAccess", False),
            "endpointPublicAccess": inside.get("endpointPublicAccess", True),
            "securityGroupIds": inside.get("securityGroupIds", []),
            "subnetIds": inside.get("subnetIds", []),
            "vpcId": inside.get("vpcId", ""),
        },
        "tags": found.get("tags", {}),
    }
