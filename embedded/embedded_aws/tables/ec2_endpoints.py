"""Amazon EC2: endpoints of AWS services within a network, and logs of its traffic."""

from typing import Any

from embedded_aws.provider.rows import Client, Row, Setting
from embedded_aws.provider.values import Properties
from embedded_aws.tables.common import ACCOUNT
from embedded_aws.tables.ec2 import TAGS, arn


def _endpoint_outputs(found: Any) -> Properties:
    entries = found.get("DnsEntries") or []
    return {
        "arn": arn("vpc-endpoint", found["VpcEndpointId"]),
        "ownerId": found.get("OwnerId") or ACCOUNT,
        "securityGroupIds": [group["GroupId"] for group in found.get("Groups") or []],
        "dnsEntries": [
            {"dnsName": e.get("DnsName", ""), "hostedZoneId": e.get("HostedZoneId", "")} for e in entries
        ],
    }


def _endpoint(client: Client, endpoint: str) -> Any:
    return client.describe_vpc_endpoints(VpcEndpointIds=[endpoint])["VpcEndpoints"][0]


def _read_prefixes(client: Client, endpoint: str, _state: Properties) -> Properties:
    """The list of the addresses that a gateway leads to, by which security groups name them."""
    found = _endpoint(client, endpoint)
    named = [{"Name": "prefix-list-name", "Values": [found["ServiceName"]]}]
    lists = client.describe_managed_prefix_lists(Filters=named)["PrefixLists"]
    is_gateway = found["VpcEndpointType"] == "Gateway"
    return {"prefixListId": lists[0]["PrefixListId"] if is_gateway and lists else ""}


def _write_endpoint(client: Client, endpoint: str, properties: Properties) -> None:
    """EC2 changes the lists by what joins them and what leaves them."""
    found = _endpoint(client, endpoint)
    held = {
        "subnetIds": found.get("SubnetIds") or [],
        "routeTableIds": found.get("RouteTableIds") or [],
        "securityGroupIds": [group["GroupId"] for group in found.get("Groups") or []],
    }
    changes: Properties = {}
    for name, now in held.items():
        wanted, member = properties.get(name) or [], name[0].upper() + name[1:]
        joining = [item for item in wanted if item not in now]
        leaving = [item for item in now if item not in wanted]
        changes |= {f"Add{member}": joining} if joining else {}
        changes |= {f"Remove{member}": leaving} if leaving else {}
    if properties.get("policy"):
        changes["PolicyDocument"] = properties["policy"]
    if properties.get("privateDnsEnabled") is not None:
        changes["PrivateDnsEnabled"] = properties["privateDnsEnabled"]
    client.modify_vpc_endpoint(VpcEndpointId=endpoint, **changes)


def _leave_tables(client: Client, endpoint: str, _state: Properties) -> None:
    """moto gives a table that joins later no route, and then fails to delete that route."""
    tables = _endpoint(client, endpoint).get("RouteTableIds") or []
    found = client.describe_route_tables(RouteTableIds=tables)["RouteTables"] if tables else []
    without = [t["RouteTableId"] for t in found if endpoint not in {r.get("GatewayId") for r in t["Routes"]}]
    if without:
        client.modify_vpc_endpoint(VpcEndpointId=endpoint, RemoveRouteTableIds=without)


_RESOURCES = {
    "vpcId": "VPC",
    "subnetId": "Subnet",
    "eniId": "NetworkInterface",
    "transitGatewayId": "TransitGateway",
    "transitGatewayAttachmentId": "TransitGatewayAttachment",
}


def _flow_log(given: Properties) -> Properties:
    """A log names what it watches by its kind. Where no traffic type is said, AWS takes all."""
    watched = next((name for name in _RESOURCES if given.get(name) is not None), None)
    request = {k: v for k, v in given.items() if k not in _RESOURCES}
    if watched:
        request |= {"resourceIds": [given[watched]], "resourceType": _RESOURCES[watched]}
    if given.get("logDestinationType") in (None, "cloud-watch-logs"):
        destination = request.pop("logDestination", None)
        known = isinstance(destination, str)
        request["logGroupName"] = destination.split(":log-group:")[-1].split(":")[0] if known else destination
    return request


def _flow_log_id(answer: Properties) -> str:
    """AWS answers with success even where it made nothing."""
    if answer.get("FlowLogIds"):
        return str(answer["FlowLogIds"][0])
    refused = answer.get("Unsuccessful") or [{}]
    raise ValueError(f"CreateFlowLogs: {refused[0].get('Error', {}).get('Message', 'no flow log was made')}")


def _flow_log_outputs(found: Any) -> Properties:
    resource = found["ResourceId"]
    kinds = {"vpc-": "vpcId", "subnet-": "subnetId", "eni-": "eniId", "tgw-": "transitGatewayId"}
    name = next((name for prefix, name in kinds.items() if resource.startswith(prefix)), None)
    return {"arn": arn("vpc-flow-log", found["FlowLogId"])} | ({name: resource} if name else {})


ROWS = (
    Row(
        token="aws:ec2/vpcEndpoint:VpcEndpoint",
        service="ec2",
        create="CreateVpcEndpoint",
        id="{VpcEndpointId}",
        created_at="VpcEndpoint",
        read="DescribeVpcEndpoints",
        at="VpcEndpoints[?State!='deleted'] | [0]",
        delete="DeleteVpcEndpoints",
        key={"VpcEndpointIds": "{id}"},
        constant={"VpcEndpointType": "Gateway"},
        renames={"policy": "PolicyDocument"},
        outputs=_endpoint_outputs,
        settings=(
            Setting(
                ("subnetIds", "routeTableIds", "securityGroupIds", "policy", "privateDnsEnabled"),
                _write_endpoint,
                on_create=False,
            ),
            Setting((), lambda *_: None, _read_prefixes),
            TAGS,
        ),
        before_delete=_leave_tables,
        recorded=frozenset({"autoAccept"}),
        defaults={"vpcEndpointType": "Gateway", "privateDnsEnabled": False},
    ),
    Row(
        token="aws:ec2/flowLog:FlowLog",
        service="ec2",
        create="CreateFlowLogs",
        id=_flow_log_id,
        created_at="",
        read="DescribeFlowLogs",
        at="FlowLogs[0]",
        delete="DeleteFlowLogs",
        key={"FlowLogIds": "{id}"},
        renames={"iamRoleArn": "DeliverLogsPermissionArn"},
        prepare=_flow_log,
        prepared=frozenset({*_RESOURCES, "logDestination"}),
        outputs=_flow_log_outputs,
        settings=(TAGS,),
        defaults={"trafficType": "ALL", "maxAggregationInterval": 600},
    ),
)
