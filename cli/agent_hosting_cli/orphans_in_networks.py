"""Finds what a killed deployment had made of a network: EC2 knows its resources by tags alone."""

from typing import Any, Final

NETWORK_KINDS: Final = {
    "aws:ec2/eip:Eip": ("describe_addresses", "AllocationId"),
    "aws:ec2/flowLog:FlowLog": ("describe_flow_logs", "FlowLogId"),
    "aws:ec2/internetGateway:InternetGateway": ("describe_internet_gateways", "InternetGatewayId"),
    "aws:ec2/natGateway:NatGateway": ("describe_nat_gateways", "NatGatewayId"),
    "aws:ec2/routeTable:RouteTable": ("describe_route_tables", "RouteTableId"),
    "aws:ec2/securityGroup:SecurityGroup": ("describe_security_groups", "GroupId"),
    "aws:ec2/subnet:Subnet": ("describe_subnets", "SubnetId"),
    "aws:ec2/vpc:Vpc": ("describe_vpcs", "VpcId"),
    "aws:ec2/vpcEndpoint:VpcEndpoint": ("describe_vpc_endpoints", "VpcEndpointId"),
}
"""How EC2 lists the resources of a kind, and what it calls their ids."""
_GONE: Final = {"deleting", "deleted", "failed"}


def tagged(ec2: Any, kind: str, inputs: dict[str, Any], known: set[Any]) -> str | None:
    """Id of the one resource that has all tags of `inputs`, its name among them, and that the state does not
    know."""
    operation, id_name = NETWORK_KINDS[kind]
    tags: dict[str, str] = inputs["tags"]
    if "Name" not in tags:
        return None
    filters = [{"Name": f"tag:{key}", "Values": [value]} for key, value in tags.items()]
    asks_for = "Filter" if operation in ("describe_nat_gateways", "describe_flow_logs") else "Filters"
    answer = getattr(ec2, operation)(**{asks_for: filters})
    listed = next(held for held in answer.values() if isinstance(held, list))
    ours = [held for held in listed if _has_tags(held, tags) and str(held.get("State")).lower() not in _GONE]
    found = {held[id_name] for held in ours} - known
    return found.pop() if len(found) == 1 else None


def _has_tags(held: dict[str, Any], tags: dict[str, str]) -> bool:
    return tags.items() <= {tag["Key"]: tag["Value"] for tag in held.get("Tags", [])}.items()


def route(ec2: Any, inputs: dict[str, Any]) -> str | None:
    """The route to the same destination in the same table."""
    block = inputs["destinationCidrBlock"]
    (table,) = ec2.describe_route_tables(RouteTableIds=[inputs["routeTableId"]])["RouteTables"]
    is_there = any(held.get("DestinationCidrBlock") == block for held in table["Routes"])
    return f"{inputs['routeTableId']}_{block}" if is_there else None


def association(ec2: Any, inputs: dict[str, Any]) -> str | None:
    """The association of the same subnet with the same table."""
    (table,) = ec2.describe_route_tables(RouteTableIds=[inputs["routeTableId"]])["RouteTables"]
    is_there = any(held.get("SubnetId") == inputs["subnetId"] for held in table["Associations"])
    return f"{inputs['subnetId']}/{inputs['routeTableId']}" if is_there else None
