"""Examples of EC2's networks and security groups."""

from embedded_aws.tables.common import REGION
from tests.embedded.further_services import (
    ROLE,
    TAGGED,
    Example,
    address,
    gateway,
    group,
    log_group,
    network_with,
    route_table,
    subnet,
)

EXAMPLES = (
    Example(
        "aws:ec2/launchTemplate:LaunchTemplate",
        lambda: {
            "name": "nodes",
            "metadataOptions": {"httpTokens": "required", "httpPutResponseHopLimit": 1},
            "blockDeviceMappings": [
                {
                    "deviceName": "/dev/xvda",
                    "ebs": {"encrypted": "true", "volumeType": "gp3", "volumeSize": 50},
                }
            ],
            "updateDefaultVersion": True,
            "tags": {"Name": "nodes"},
        },
        {"metadataOptions": {"httpTokens": "required", "httpPutResponseHopLimit": 2}},
        outputs=("arn", "latestVersion", "defaultVersion"),
    ),
    Example(
        "aws:ec2/vpc:Vpc",
        lambda: {"cidrBlock": "10.0.0.0/16", "enableDnsHostnames": True, "tags": {"Name": "agents"}},
        {"enableDnsHostnames": False},
        outputs=("arn", "defaultSecurityGroupId", "mainRouteTableId", "defaultNetworkAclId", "ownerId"),
    ),
    Example(
        "aws:ec2/subnet:Subnet",
        network_with(
            lambda network: {
                "vpcId": network,
                "cidrBlock": "10.0.1.0/24",
                "availabilityZone": f"{REGION}a",
                "tags": {"Name": "a"},
            }
        ),
        {"mapPublicIpOnLaunch": True},
        outputs=("arn", "availabilityZoneId"),
    ),
    Example(
        "aws:ec2/internetGateway:InternetGateway",
        network_with(lambda network: {"vpcId": network}),
        TAGGED,
    ),
    Example(
        "aws:ec2/eip:Eip",
        lambda: {"domain": "vpc"},
        TAGGED,
        outputs=("arn", "allocationId", "publicIp"),
    ),
    Example(
        "aws:ec2/natGateway:NatGateway",
        network_with(lambda network: {"subnetId": subnet(network), "allocationId": address()}),
        TAGGED,
        outputs=("publicIp", "privateIp", "networkInterfaceId"),
    ),
    Example(
        "aws:ec2/routeTable:RouteTable",
        network_with(
            lambda network: {
                "vpcId": network,
                "routes": [{"cidrBlock": "0.0.0.0/0", "gatewayId": gateway(network)}],
            }
        ),
        {"routes": []},
    ),
    Example(
        "aws:ec2/route:Route",
        network_with(
            lambda network: {
                "routeTableId": route_table(network),
                "destinationCidrBlock": "0.0.0.0/0",
                "gatewayId": gateway(network),
            }
        ),
        imported=lambda _id, state: f"{state['routeTableId']}_0.0.0.0/0",
        outputs=("state", "origin"),
    ),
    Example(
        "aws:ec2/routeTableAssociation:RouteTableAssociation",
        network_with(lambda network: {"routeTableId": route_table(network), "subnetId": subnet(network)}),
        imported=lambda _id, state: f"{state['subnetId']}/{state['routeTableId']}",
        outputs=(),
    ),
    Example(
        "aws:ec2/securityGroup:SecurityGroup",
        network_with(
            lambda network: {
                "name": "workers",
                "vpcId": network,
                "ingress": [
                    {
                        "protocol": "tcp",
                        "fromPort": 443,
                        "toPort": 443,
                        "cidrBlocks": ["10.0.0.0/16", "10.1.0.0/16"],
                    },
                    {"protocol": "tcp", "fromPort": 80, "toPort": 80, "self": True},
                ],
                "egress": [{"protocol": "-1", "fromPort": 0, "toPort": 0, "cidrBlocks": ["0.0.0.0/0"]}],
            }
        ),
        {"ingress": [{"protocol": "udp", "fromPort": 53, "toPort": 53, "ipv6CidrBlocks": ["::/0"]}]},
        outputs=("arn", "ownerId"),
    ),
    Example(
        "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup",
        network_with(lambda network: {"vpcId": network}),
        {"ingress": [{"protocol": "tcp", "fromPort": 80, "toPort": 80, "self": True}]},
        outputs=("arn",),
        stays=True,
    ),
    Example(
        "aws:ec2/securityGroupRule:SecurityGroupRule",
        network_with(
            lambda network: {
                "securityGroupId": group(network),
                "type": "egress",
                "protocol": "tcp",
                "fromPort": 443,
                "toPort": 443,
                "cidrBlocks": ["10.0.0.0/16"],
                "description": "endpoints",
            }
        ),
        {"description": "endpoints of the network"},
        imported=lambda _id, state: f"{state['securityGroupId']}_egress_tcp_443_443_10.0.0.0/16",
        outputs=(),
    ),
    Example(
        "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
        network_with(
            lambda network: {
                "securityGroupId": group(network),
                "ipProtocol": "tcp",
                "fromPort": 443,
                "toPort": 443,
                "cidrIpv4": "10.0.0.0/16",
            }
        ),
        {"toPort": 444},
        outputs=("arn", "securityGroupRuleId"),
    ),
    Example(
        "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule",
        network_with(
            lambda network: {"securityGroupId": group(network), "ipProtocol": "-1", "cidrIpv4": "0.0.0.0/0"}
        ),
        TAGGED,
        outputs=("arn", "securityGroupRuleId"),
    ),
    Example(
        "aws:ec2/vpcEndpoint:VpcEndpoint",
        network_with(
            lambda network: {
                "vpcId": network,
                "serviceName": f"com.amazonaws.{REGION}.sqs",
                "vpcEndpointType": "Interface",
                "subnetIds": [subnet(network)],
                "securityGroupIds": [group(network)],
                "privateDnsEnabled": True,
            }
        ),
        {"subnetIds": []},
        outputs=("arn", "dnsEntries", "networkInterfaceIds"),
    ),
    Example(
        "aws:ec2/flowLog:FlowLog",
        network_with(
            lambda network: {
                "vpcId": network,
                "trafficType": "ALL",
                "iamRoleArn": ROLE,
                "logDestination": log_group(),
            }
        ),
        TAGGED,
    ),
)
