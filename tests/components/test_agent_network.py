"""A private network for workers."""

from typing import Any

import pulumi
import pulumi_aws as aws
import pytest

from agent_hosting import AgentNetwork
from tests.components.recorder import ACCOUNT, REGION, Program, run
from tests.components.samples import PLATFORM, making


def network(**changes: Any) -> Program:
    return run(making(AgentNetwork, "net", **changes))


def test_workers_have_two_private_subnets_in_two_zones_and_no_public_address() -> None:
    program = network()
    private = [program.one("Subnet", f"net-private-{zone}") for zone in "ab"]
    assert [s.inputs["availabilityZone"] for s in private] == [f"{REGION}a", f"{REGION}b"]
    assert [s.inputs["cidrBlock"] for s in private] == ["10.42.0.0/18", "10.42.64.0/18"]
    assert {s.inputs["mapPublicIpOnLaunch"] for s in program.all("Subnet")} == {False}
    assert program.outputs_of("AgentNetwork")["subnet_ids"] == [f"{s.name}-0a1b2c3" for s in private]


def test_the_workers_way_out_is_one_nat_gateway_in_a_public_subnet() -> None:
    program = network()
    nat = program.one("NatGateway").inputs
    assert nat["subnetId"] == "net-public-0a1b2c3"
    out = program.one("Route", "net-private-internet").inputs
    assert (out["routeTableId"], out["destinationCidrBlock"]) == ("net-private-0a1b2c3", "0.0.0.0/0")
    assert out["natGatewayId"] == "net-nat-0a1b2c3"
    outward = program.one("Route", "net-public-internet").inputs
    assert (outward["routeTableId"], outward["gatewayId"]) == ("net-public-0a1b2c3", "net-internet-0a1b2c3")
    joined = {r.inputs["subnetId"]: r.inputs["routeTableId"] for r in program.all("RouteTableAssociation")}
    assert joined == {
        "net-private-a-0a1b2c3": "net-private-0a1b2c3",
        "net-private-b-0a1b2c3": "net-private-0a1b2c3",
        "net-public-0a1b2c3": "net-public-0a1b2c3",
    }


def test_nothing_reaches_a_worker_and_a_worker_reaches_https_alone() -> None:
    program = network()
    group = program.one("SecurityGroup").inputs
    assert group["ingress"] == []
    (out,) = group["egress"]
    assert (out["protocol"], out["fromPort"], out["toPort"]) == ("tcp", 443, 443)
    assert out["cidrBlocks"] == ["0.0.0.0/0"]
    default = program.one("DefaultSecurityGroup").inputs
    assert not default.get("ingress")
    assert not default.get("egress")
    assert program.outputs_of("AgentNetwork")["security_group_ids"] == ["net-workers-0a1b2c3"]


def test_s3_and_dynamodb_are_reached_without_the_nat_gateway_and_by_the_own_account_alone() -> None:
    for service in ("s3", "dynamodb"):
        endpoint = network().one("VpcEndpoint", f"net-{service}")
        assert endpoint.inputs["vpcEndpointType"] == "Gateway"
        assert endpoint.inputs["serviceName"] == f"com.amazonaws.{REGION}.{service}"
        assert endpoint.inputs["routeTableIds"] == ["net-private-0a1b2c3"]
        own = endpoint.statements()["OwnPrincipals"]
        assert own["Condition"] == {"StringEquals": {"aws:PrincipalAccount": ACCOUNT}}
        assert own["Action"] == f"{service}:*"


def test_the_layers_of_images_lie_in_a_bucket_of_ecrs_own() -> None:
    layers = network().one("VpcEndpoint", "net-s3").statements()["ImageLayers"]
    assert layers["Action"] == "s3:GetObject"
    assert layers["Resource"] == f"arn:aws:s3:::prod-{REGION}-starport-layer-bucket/*"


def test_without_the_internet_aws_services_are_reached_by_endpoints_within() -> None:
    program = network(internet_access=False)
    assert not [
        r for r in program.resources if r.type.split(":")[-1] in ("NatGateway", "InternetGateway", "Eip")
    ]
    interfaces = [e.inputs for e in program.all("VpcEndpoint") if e.inputs["vpcEndpointType"] == "Interface"]
    services = ("bedrock-runtime", "ecr.api", "ecr.dkr", "kms", "logs", "secretsmanager", "sqs")
    assert {e["serviceName"] for e in interfaces} == {f"com.amazonaws.{REGION}.{s}" for s in services}
    for endpoint in interfaces:
        assert endpoint["privateDnsEnabled"] is True
        assert endpoint["subnetIds"] == ["net-private-a-0a1b2c3", "net-private-b-0a1b2c3"]
        assert endpoint["securityGroupIds"] == ["net-endpoints-0a1b2c3"]
    (into,) = program.one("SecurityGroup", "net-endpoints").inputs["ingress"]
    assert (into["fromPort"], into["toPort"], into["cidrBlocks"]) == (443, 443, ["10.42.0.0/16"])
    out = program.one("SecurityGroup", "net-workers").inputs["egress"]
    assert {(rule["protocol"], rule["fromPort"], rule["toPort"]) for rule in out} == {("tcp", 443, 443)}
    assert [rule["cidrBlocks"] for rule in out if "cidrBlocks" in rule] == [["10.42.0.0/16"]]
    lists = [rule["prefixListIds"] for rule in out if "prefixListIds" in rule]
    assert lists == [["pl-net-s3"], ["pl-net-dynamodb"]]


@pytest.mark.parametrize("service", ["bedrock-runtime", "ecr.dkr", "sqs", "sts"])
def test_endpoints_carry_what_principals_of_the_own_account_ask_for(service: str) -> None:
    program = network(private_endpoints=[service])
    own = program.one("VpcEndpoint", f"net-{service.replace('.', '-')}").statements()
    assert own["OwnPrincipals"]["Condition"] == {"StringEquals": {"aws:PrincipalAccount": ACCOUNT}}
    assert own["OwnPrincipals"]["Action"] == f"{service.split('.')[0].removesuffix('-runtime')}:*"
    by_token = own.get("OwnRolesByToken", {}).get("Resource")
    assert by_token == (f"arn:aws:iam::{ACCOUNT}:role/*" if service == "sts" else None)


def test_endpoints_of_services_that_may_take_no_policy_have_none() -> None:
    assert "policy" not in network(private_endpoints=["eks-auth"]).one("VpcEndpoint", "net-eks-auth").inputs


def test_workers_may_be_let_out_to_named_blocks_alone() -> None:
    out = network(reached_cidr_blocks=["8.8.8.0/24"]).one("SecurityGroup", "net-workers").inputs["egress"]
    assert [rule["cidrBlocks"] for rule in out if "cidrBlocks" in rule] == [["10.42.0.0/16", "8.8.8.0/24"]]
    assert {(rule["fromPort"], rule["toPort"]) for rule in out} == {(443, 443)}


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"reached_cidr_blocks": []}, "that names none"),
        ({"reached_cidr_blocks": ["8.8.8.0/24"], "internet_access": False}, "without internet_access"),
        ({"reached_cidr_blocks": ["model.example.com"]}, "no block of addresses"),
    ],
)
def test_places_that_could_not_be_reached_are_refused(given: dict[str, Any], told: str) -> None:
    with pytest.raises(pulumi.RunError, match=told):
        network(**given)


def test_who_spoke_with_whom_is_logged_by_a_role_that_can_do_nothing_else() -> None:
    program = network(flow_log_retention_days=30)
    flows = program.one("FlowLog").inputs
    assert (flows["vpcId"], flows["trafficType"]) == ("net-0a1b2c3", "ALL")
    assert flows["logDestination"].endswith("LogGroup/net-flows-0a1b2c3")
    assert flows["iamRoleArn"].endswith("Role/net-flows-0a1b2c3")
    assert program.one("LogGroup").inputs["retentionInDays"] == 30
    (written,) = program.one("RolePolicy").document()["Statement"]
    assert {action.split(":")[0] for action in written["Action"]} == {"logs"}
    assert written["Resource"].endswith("LogGroup/net-flows-0a1b2c3:*")


@pytest.mark.parametrize(
    ("block", "first"), [("10.0.0.0/16", "10.0.0.0/18"), ("192.168.7.0/24", "192.168.7.0/26")]
)
def test_the_addresses_can_be_chosen(block: str, first: str) -> None:
    program = network(cidr_block=block)
    assert program.one("Vpc").inputs["cidrBlock"] == block
    assert program.one("Subnet", "net-private-a").inputs["cidrBlock"] == first


@pytest.mark.parametrize("internet", [True, False])
def test_who_uses_the_subnets_waits_for_their_way_out(internet: bool) -> None:
    def program() -> None:
        given = {"boundary_arn": PLATFORM["boundary_arn"], "internet_access": internet}
        made = AgentNetwork("net", given)  # type: ignore[arg-type]
        aws.ssm.Parameter("user", type="String", value=made.subnet_ids.apply(",".join))

    recorded = run(program)
    awaited = recorded.one("Parameter").depends_on
    ways_out = {r.urn for r in recorded.resources if r.type.endswith((":VpcEndpoint", ":Route"))}
    assert ways_out - awaited == (
        {recorded.one("Route", "net-public-internet").urn} if internet else set()
    ), "the NAT gateway itself waits for the public route"
