"""Amazon EC2: networks, their subnets, gateways and addresses."""

from typing import Any

import jmespath

from embedded_aws.provider.rows import Client, Row, Setting
from embedded_aws.provider.values import Properties
from embedded_aws.tables.common import ACCOUNT, REGION


def arn(kind: str, resource_id: str) -> str:
    return f"arn:aws:ec2:{REGION}:{ACCOUNT}:{kind}/{resource_id}"


def _read_tags(client: Client, resource_id: str, _state: Properties) -> Properties:
    pages = client.get_paginator("describe_tags").paginate(
        Filters=[{"Name": "resource-id", "Values": [resource_id]}]
    )
    tags = {t["Key"]: t["Value"] for page in pages for t in page["Tags"] if not t["Key"].startswith("aws:")}
    return {"tags": tags, "tagsAll": tags}


def _write_tags(client: Client, resource_id: str, properties: Properties) -> None:
    wanted = properties.get("tags") or {}
    gone = sorted(_read_tags(client, resource_id, {})["tags"].keys() - wanted.keys())
    if gone:
        client.delete_tags(Resources=[resource_id], Tags=[{"Key": k} for k in gone])
    if wanted:
        client.create_tags(
            Resources=[resource_id], Tags=[{"Key": k, "Value": v} for k, v in sorted(wanted.items())]
        )


TAGS = Setting(("tags",), _write_tags, _read_tags)
"""EC2 tags all that it holds by the same two calls."""


def _flags(operation: str, member: str, names: tuple[str, ...]) -> Setting:
    """Properties that EC2 changes by one call each, as `{"Value": true}`."""

    def write(client: Client, resource_id: str, properties: Properties) -> None:
        for name in names:
            if isinstance(properties.get(name), bool):
                flag = {name[0].upper() + name[1:]: {"Value": properties[name]}}
                getattr(client, operation)(**{member: resource_id}, **flag)

    return Setting(names, write)


def _vpc(client: Client, vpc: str, _state: Properties) -> Any:
    """A network together with what AWS makes along with it."""
    found = client.describe_vpcs(VpcIds=[vpc])["Vpcs"][0]
    inside = {"Name": "vpc-id", "Values": [vpc]}
    groups = client.describe_security_groups(Filters=[inside, {"Name": "group-name", "Values": ["default"]}])
    tables = client.describe_route_tables(Filters=[inside, {"Name": "association.main", "Values": ["true"]}])
    lists = client.describe_network_acls(Filters=[inside, {"Name": "default", "Values": ["true"]}])
    main = next((t["RouteTableId"] for t in tables["RouteTables"]), "")
    return {
        "arn": arn("vpc", vpc),
        "cidrBlock": found["CidrBlock"],
        "instanceTenancy": found["InstanceTenancy"],
        "ownerId": found.get("OwnerId") or ACCOUNT,
        "dhcpOptionsId": found.get("DhcpOptionsId") or "",
        "mainRouteTableId": main,
        "defaultRouteTableId": main,
        "defaultSecurityGroupId": next((g["GroupId"] for g in groups["SecurityGroups"]), ""),
        "defaultNetworkAclId": next((a["NetworkAclId"] for a in lists["NetworkAcls"]), ""),
        **{name: _vpc_flag(client, vpc, name) for name in ("enableDnsSupport", "enableDnsHostnames")},
    }


def _vpc_flag(client: Client, vpc: str, name: str) -> bool:
    said = client.describe_vpc_attribute(VpcId=vpc, Attribute=name)
    return bool(said[name[0].upper() + name[1:]]["Value"])


def _gateway_outputs(found: Any) -> Properties:
    attached = found.get("Attachments") or [{}]
    return {
        "arn": arn("internet-gateway", found["InternetGatewayId"]),
        "ownerId": found.get("OwnerId") or ACCOUNT,
        "vpcId": attached[0].get("VpcId", ""),
    }


def _detach(client: Client, gateway: str, _state: Properties) -> None:
    held = client.describe_internet_gateways(InternetGatewayIds=[gateway])["InternetGateways"]
    for attachment in [a for g in held for a in g.get("Attachments", [])]:
        client.detach_internet_gateway(InternetGatewayId=gateway, VpcId=attachment["VpcId"])


def _attach(client: Client, gateway: str, properties: Properties) -> None:
    _detach(client, gateway, properties)
    if properties.get("vpcId"):
        client.attach_internet_gateway(InternetGatewayId=gateway, VpcId=properties["vpcId"])


def _nat_outputs(found: Any) -> Properties:
    address = next(iter(found.get("NatGatewayAddresses") or []), {})
    members = {
        "publicIp": "PublicIp",
        "privateIp": "PrivateIp",
        "allocationId": "AllocationId",
        "associationId": "AssociationId",
        "networkInterfaceId": "NetworkInterfaceId",
    }
    return {name: address[member] for name, member in members.items() if address.get(member)}


def _delete_nat(client: Client, gateway: str, _state: Properties) -> None:
    """moto breaks where it is asked to delete a gateway that it never held."""
    if jmespath.search(_LIVING_NAT, client.describe_nat_gateways(NatGatewayIds=[gateway])):
        client.delete_nat_gateway(NatGatewayId=gateway)


def _address_outputs(found: Any) -> Properties:
    return {
        "arn": arn("elastic-ip", found["AllocationId"]),
        "instance": found.get("InstanceId") or "",
        "networkInterface": found.get("NetworkInterfaceId") or "",
        "privateIp": found.get("PrivateIpAddress") or "",
        "publicDns": f"ec2-{found['PublicIp'].replace('.', '-')}.{REGION}.compute.amazonaws.com",
    }


def _release_from(client: Client, allocation: str, _state: Properties) -> None:
    for held in client.describe_addresses(AllocationIds=[allocation])["Addresses"]:
        if held.get("AssociationId"):
            client.disassociate_address(AssociationId=held["AssociationId"])


def _associate(client: Client, allocation: str, properties: Properties) -> None:
    _release_from(client, allocation, properties)
    names = {
        "instance": "InstanceId",
        "networkInterface": "NetworkInterfaceId",
        "associateWithPrivateIp": "PrivateIpAddress",
    }
    to = {member: properties[name] for name, member in names.items() if properties.get(name)}
    if to:
        client.associate_address(AllocationId=allocation, **to)


_LIVING_NAT = "NatGateways[?State!='deleted'] | [0]"

ROWS = (
    Row(
        token="aws:ec2/vpc:Vpc",
        service="ec2",
        create="CreateVpc",
        id="{VpcId}",
        imported="{id}",
        created_at="Vpc",
        delete="DeleteVpc",
        key={"VpcId": "{id}"},
        find=_vpc,
        renames={"assignGeneratedIpv6CidrBlock": "AmazonProvidedIpv6CidrBlock"},
        outputs=lambda found: found,
        settings=(_flags("modify_vpc_attribute", "VpcId", ("enableDnsSupport", "enableDnsHostnames")), TAGS),
        defaults={
            "enableDnsSupport": True,
            "enableDnsHostnames": False,
            "instanceTenancy": "default",
            "assignGeneratedIpv6CidrBlock": False,
        },
    ),
    Row(
        token="aws:ec2/subnet:Subnet",
        service="ec2",
        create="CreateSubnet",
        id="{SubnetId}",
        created_at="Subnet",
        read="DescribeSubnets",
        at="Subnets[0]",
        delete="DeleteSubnet",
        key={"SubnetId": "{id}", "SubnetIds": "{id}"},
        outputs=lambda found: {"arn": arn("subnet", found["SubnetId"])},
        settings=(
            _flags(
                "modify_subnet_attribute",
                "SubnetId",
                ("mapPublicIpOnLaunch", "assignIpv6AddressOnCreation"),
            ),
            TAGS,
        ),
        defaults={"mapPublicIpOnLaunch": False, "assignIpv6AddressOnCreation": False},
    ),
    Row(
        token="aws:ec2/internetGateway:InternetGateway",
        service="ec2",
        create="CreateInternetGateway",
        id="{InternetGatewayId}",
        created_at="InternetGateway",
        read="DescribeInternetGateways",
        at="InternetGateways[0]",
        delete="DeleteInternetGateway",
        key={"InternetGatewayId": "{id}", "InternetGatewayIds": "{id}"},
        outputs=_gateway_outputs,
        settings=(Setting(("vpcId",), _attach), TAGS),
        before_delete=_detach,
    ),
    Row(
        token="aws:ec2/natGateway:NatGateway",
        service="ec2",
        create="CreateNatGateway",
        id="{NatGatewayId}",
        created_at="NatGateway",
        read="DescribeNatGateways",
        at=_LIVING_NAT,
        key={"NatGatewayId": "{id}", "NatGatewayIds": "{id}"},
        renames={
            "privateIp": "PrivateIpAddress",
            "secondaryPrivateIpAddresses": "SecondaryPrivateIpAddresses",
        },
        outputs=_nat_outputs,
        before_delete=_delete_nat,
        settings=(TAGS,),
        defaults={"connectivityType": "public"},
    ),
    Row(
        token="aws:ec2/eip:Eip",
        service="ec2",
        create="AllocateAddress",
        id="{AllocationId}",
        created_at="",
        read="DescribeAddresses",
        at="Addresses[0]",
        delete="ReleaseAddress",
        key={"AllocationId": "{id}", "AllocationIds": "{id}"},
        constant={"Domain": "vpc"},
        outputs=_address_outputs,
        settings=(
            Setting(("instance", "networkInterface", "associateWithPrivateIp"), _associate),
            TAGS,
        ),
        before_delete=_release_from,
        replaces=frozenset({"domain"}),
    ),
)
