"""A private network for workers."""

from collections.abc import Sequence
from ipaddress import IPv4Network
from typing import Any, NotRequired, TypedDict

import pulumi
import pulumi_aws as aws

from agent_hosting._eks_limits import check_block
from agent_hosting._keys import account_id
from agent_hosting._network_access import endpoint_policy, keep_flow_logs, named
from agent_hosting._validation import Inputs

_FOR_LOAD_BALANCERS = {"kubernetes.io/role/internal-elb": "1"}
"""By this tag a Kubernetes cluster finds subnets for load balancers of the network's own:
https://docs.aws.amazon.com/eks/latest/userguide/network-reqs.html"""
INTERFACES = ("bedrock-runtime", "ecr.api", "ecr.dkr", "kms", "logs", "secretsmanager", "sqs")
"""Services that a worker calls, or Fargate for it, which needs none to reach ECS:
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/vpc-endpoints.html"""


class AgentNetworkArgs(TypedDict):
    boundary_arn: pulumi.Input[str]
    """Permission boundary of the role that writes the flow logs, such as `AgentPlatform.boundary_arn`."""
    cidr_block: NotRequired[str]
    """Addresses, a /16 to a /24. Defaults to 10.42.0.0/16."""
    internet_access: NotRequired[bool]
    """Whether workers reach the internet, through one NAT gateway. Defaults to true, since a model behind an
    https address needs it. Without it AWS services alone are reached, by endpoints."""
    private_endpoints: NotRequired[Sequence[str]]
    """AWS services that are reached within the network, such as `sqs`, each by an endpoint with its price.
    Defaults to what workers call without `internet_access`, and to none with it."""
    reached_cidr_blocks: NotRequired[Sequence[str]]
    """Blocks of addresses on the internet that workers reach, such as a proxy's. Defaults to all of them with
    `internet_access`, since addresses of models change."""
    flow_log_retention_days: NotRequired[int]
    """Days that flow logs are kept. Defaults to 90."""
    log_key_arn: NotRequired[pulumi.Input[str]]
    """Key that encrypts flow logs, such as `AgentPlatform.key_arn`. Defaults to CloudWatch's own."""
    tags: NotRequired[pulumi.Input[dict[str, pulumi.Input[str]]]]
    """Tags of every resource. Defaults to none."""


class AgentNetwork(pulumi.ComponentResource):
    """Two private subnets whose workers nobody reaches, and which reach HTTPS alone."""

    vpc_id: pulumi.Output[str]
    """The network."""
    subnet_ids: pulumi.Output[Sequence[str]]
    """Private subnets in two availability zones, once their way out is there."""
    security_group_ids: pulumi.Output[Sequence[str]]
    """The group of the workers: nothing in, HTTPS out."""

    def __init__(self, name: str, args: AgentNetworkArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("agent-hosting:index:AgentNetwork", name, {}, opts)
        inputs = Inputs("AgentNetwork", name, args)
        inputs.known(AgentNetworkArgs.__annotations__)
        inputs.required("boundary_arn", "Take it from an AgentPlatform: platform.boundary_arn.")
        blocks = split_block(args.get("cidr_block") or "10.42.0.0/16", inputs)
        log_days = inputs.log_days("flow_log_retention_days", 90)
        self._name, self._tags, self._child = name, args.get("tags"), pulumi.ResourceOptions(parent=self)
        options = pulumi.InvokeOutputOptions(parent=self)
        self._region = aws.get_region_output(opts=options).region
        zones = aws.get_availability_zones_output(state="available", opts=options).names
        internet = args.get("internet_access", True)
        named_blocks = _reached(args.get("reached_cidr_blocks"), internet, inputs)

        vpc = aws.ec2.Vpc(
            name,
            cidr_block=args.get("cidr_block") or "10.42.0.0/16",
            enable_dns_support=True,
            enable_dns_hostnames=True,  # private names of endpoints need both
            **self._named(name),
        )
        # AWS makes one with every network; without rules it lets nothing through.
        aws.ec2.DefaultSecurityGroup(f"{name}-default", vpc_id=vpc.id, **self._named(f"{name}-default"))
        keep_flow_logs(name, vpc, args["boundary_arn"], log_days, args.get("log_key_arn"), self._tags, self)
        private, public, subnets, joined = blocks[:2], blocks[2], [], []
        routes = aws.ec2.RouteTable(f"{name}-private", vpc_id=vpc.id, **self._named(f"{name}-private"))
        for index, block in enumerate(private):
            subnet = aws.ec2.Subnet(
                f"{name}-private-{'ab'[index]}",
                vpc_id=vpc.id,
                cidr_block=block,
                availability_zone=zones[index],
                map_public_ip_on_launch=False,
                tags=named(f"{name}-private-{'ab'[index]}", self._tags, _FOR_LOAD_BALANCERS),
                opts=self._child,
            )
            subnets.append(subnet)
            joined.append(self._join(f"{name}-private-{'ab'[index]}", subnet, routes))
        gateways = [self._gateway_endpoint(service, vpc, routes) for service in ("s3", "dynamodb")]
        reached: list[Any]
        services = args.get("private_endpoints", () if internet else INTERFACES)
        ways_out = self._interface_endpoints(vpc, subnets, services) if services else []
        if internet:
            ways_out.append(self._nat(vpc, public, zones[0], routes))
        if internet and not named_blocks:
            reached = [{"cidr_blocks": ["0.0.0.0/0"]}]
        else:
            # A gateway endpoint leads to public addresses, which a list of AWS's own names.
            reached = [{"cidr_blocks": [vpc.cidr_block, *named_blocks]}]
            reached += [{"prefix_list_ids": [endpoint.prefix_list_id]} for endpoint in gateways]
        https = {"description": "HTTPS", "protocol": "tcp", "from_port": 443, "to_port": 443}
        out: Any = [{**https, **where} for where in reached]
        # A resolver's answers and a task's credentials come by addresses that no security group looks at.
        workers = aws.ec2.SecurityGroup(
            f"{name}-workers",
            description="Workers: nothing in, HTTPS out",
            vpc_id=vpc.id,
            ingress=[],
            egress=out,
            **self._named(f"{name}-workers"),
        )

        ready = [resource.id for resource in (*joined, *gateways, *ways_out)]  # type: ignore[attr-defined]
        self.vpc_id = vpc.id
        self.subnet_ids = pulumi.Output.all(
            subnets=pulumi.Output.all(*(subnet.id for subnet in subnets)), ready=pulumi.Output.all(*ready)
        ).apply(lambda made: list(made["subnets"]))
        self.security_group_ids = pulumi.Output.all(workers.id)
        self.register_outputs({output: getattr(self, output) for output in AgentNetwork.__annotations__})

    def _named(self, name: str) -> dict[str, Any]:
        """EC2 names nothing by itself: the console shows this tag, and what a killed deployment had made is
        found by it."""
        return {"tags": named(name, self._tags), "opts": self._child}

    def _join(
        self, name: str, subnet: aws.ec2.Subnet, table: aws.ec2.RouteTable
    ) -> aws.ec2.RouteTableAssociation:
        return aws.ec2.RouteTableAssociation(
            f"{name}-routes", subnet_id=subnet.id, route_table_id=table.id, opts=self._child
        )

    def _nat(
        self, vpc: aws.ec2.Vpc, block: str, zone: pulumi.Input[str], routes: aws.ec2.RouteTable
    ) -> aws.ec2.Route:
        """One gateway in one zone: a second would double the price, and a run outlives an hour without it."""
        gateway = aws.ec2.InternetGateway(
            f"{self._name}-internet", vpc_id=vpc.id, **self._named(f"{self._name}-internet")
        )
        subnet = aws.ec2.Subnet(
            f"{self._name}-public",
            vpc_id=vpc.id,
            cidr_block=block,
            availability_zone=zone,
            map_public_ip_on_launch=False,
            **self._named(f"{self._name}-public"),
        )
        table = aws.ec2.RouteTable(
            f"{self._name}-public", vpc_id=vpc.id, **self._named(f"{self._name}-public")
        )
        outward = aws.ec2.Route(
            f"{self._name}-public-internet",
            route_table_id=table.id,
            destination_cidr_block="0.0.0.0/0",
            gateway_id=gateway.id,
            opts=self._child,
        )
        joined = self._join(f"{self._name}-public", subnet, table)
        address = aws.ec2.Eip(f"{self._name}-nat", domain="vpc", **self._named(f"{self._name}-nat"))
        nat = aws.ec2.NatGateway(
            f"{self._name}-nat",
            subnet_id=subnet.id,
            allocation_id=address.id,
            tags=named(f"{self._name}-nat", self._tags),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[outward, joined]),
        )
        return aws.ec2.Route(
            f"{self._name}-private-internet",
            route_table_id=routes.id,
            destination_cidr_block="0.0.0.0/0",
            nat_gateway_id=nat.id,
            opts=self._child,
        )

    def _gateway_endpoint(
        self, service: str, vpc: aws.ec2.Vpc, routes: aws.ec2.RouteTable
    ) -> aws.ec2.VpcEndpoint:
        return aws.ec2.VpcEndpoint(
            f"{self._name}-{service}",
            vpc_id=vpc.id,
            service_name=pulumi.Output.concat("com.amazonaws.", self._region, f".{service}"),
            vpc_endpoint_type="Gateway",
            route_table_ids=[routes.id],
            policy=endpoint_policy(service, account_id(self), self._region),
            **self._named(f"{self._name}-{service}"),
        )

    def _interface_endpoints(
        self, vpc: aws.ec2.Vpc, subnets: list[aws.ec2.Subnet], services: Sequence[str]
    ) -> list[pulumi.Resource]:
        group = aws.ec2.SecurityGroup(
            f"{self._name}-endpoints",
            description="Endpoints: HTTPS from within",
            vpc_id=vpc.id,
            ingress=[
                {
                    "description": "HTTPS from within",
                    "protocol": "tcp",
                    "from_port": 443,
                    "to_port": 443,
                    "cidr_blocks": [vpc.cidr_block],
                }
            ],
            egress=[],
            **self._named(f"{self._name}-endpoints"),
        )
        return [
            aws.ec2.VpcEndpoint(
                f"{self._name}-{service.replace('.', '-')}",
                vpc_id=vpc.id,
                service_name=pulumi.Output.concat("com.amazonaws.", self._region, f".{service}"),
                vpc_endpoint_type="Interface",
                private_dns_enabled=True,
                subnet_ids=[subnet.id for subnet in subnets],
                security_group_ids=[group.id],
                policy=endpoint_policy(service, account_id(self), self._region),
                **self._named(f"{self._name}-{service.replace('.', '-')}"),
            )
            for service in services
        ]


def _reached(blocks: Sequence[str] | None, internet: bool, inputs: Inputs) -> list[str]:
    """Blocks that workers are let out to; none for everywhere."""
    if blocks is not None and not (blocks and internet):
        raise inputs.refuse(
            "reached_cidr_blocks",
            blocks,
            "without internet_access none is reached" if blocks else "that names none",
            "Omit it, or give internet_access=True." if blocks else "Omit it, or give internet_access=False.",
        )
    for block in blocks or ():
        check_block(inputs, "reached_cidr_blocks", block)
    return list(blocks or ())


def split_block(given: str, inputs: Inputs) -> list[str]:
    """Two private blocks and a public one, quarters of `given`."""
    way_out = "Give one such as 10.42.0.0/16, that no network you connect to uses."
    try:
        block = IPv4Network(given)
    except ValueError:
        raise inputs.refuse("cidr_block", given, "that is no block of IPv4 addresses", way_out) from None
    if not 16 <= block.prefixlen <= 24:
        raise inputs.refuse("cidr_block", given, "a network takes a /16 to a /24", way_out)
    return [str(part) for part in block.subnets(prefixlen_diff=2)][:3]
