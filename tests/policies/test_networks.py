"""C41 to C43, AG18 and AG18c: networks, their groups and endpoints, and where agents are in them."""

import json
from typing import Any

import pytest

from tests.policies.judging import ABSENT, UNKNOWN, changed, fails, passes, resource, text, unchecked

AGENT = {"agent": "handbook"}
MODEL = "arn:aws:bedrock:eu-west-1::foundation-model/maker.model-v1:0"
IMAGE = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/agents@sha256:0"
OWN = {
    "Effect": "Allow",
    "Principal": "*",
    "Action": "sqs:*",
    "Resource": "*",
    "Condition": {"StringEquals": {"aws:PrincipalAccount": "123456789012"}},
}


def may(*actions: str, on: str = "*") -> str:
    return text(*({"Effect": "Allow", "Action": action, "Resource": on} for action in actions))


def vpc(**given: Any) -> Any:
    return resource("ec2/vpc:Vpc", "vpc", {"id": "vpc-1", **given})


SUBNET = resource("ec2/subnet:Subnet", "subnet", {"id": "subnet-1", "vpcId": "vpc-1"})


def role(policy: Any, tags: Any = AGENT) -> Any:
    held = {"arn": "arn:run", "tags": tags, "inlinePolicies": [{"policy": policy}]}
    return resource("iam/role:Role", "run", held)


def on_ecs(policy: Any, image: str = "ghcr.io/acme/agent", **container: Any) -> list[Any]:
    """The network, a service of an agent in it, its task and the role of that."""
    network = {"subnets": ["subnet-1"], "securityGroups": ["sg-1"]}
    service = {"tags": AGENT, "taskDefinition": "arn:task", "networkConfiguration": network}
    held = {"arn": "arn:task", "taskRoleArn": "arn:run"}
    held["containerDefinitions"] = json.dumps([{"image": image, **container}])
    return [
        vpc(),
        SUBNET,
        role(policy),
        resource("ecs/taskDefinition:TaskDefinition", "task", held),
        resource("ecs/service:Service", "service", service),
    ]


def on_lambda(policy: Any) -> list[Any]:
    network = {"subnetIds": ["subnet-1"], "securityGroupIds": ["sg-1"]}
    held = {"tags": AGENT, "role": "arn:run", "vpcConfig": network}
    return [vpc(), SUBNET, role(policy), resource("lambda/function:Function", "function", held)]


def on_eks(policy: Any) -> list[Any]:
    """With endpoints for the images that nodes pull."""
    cluster = {"name": "pods", "vpcConfig": {"subnetIds": ["subnet-1"], "securityGroupIds": ["sg-1"]}}
    pod = {"clusterName": "pods", "roleArn": "arn:run"}
    return [
        vpc(),
        SUBNET,
        role(policy),
        resource("eks/cluster:Cluster", "pods", cluster),
        resource("eks/podIdentityAssociation:PodIdentityAssociation", "pod", pod),
        *(endpoint(service) for service in ("ecr.api", "ecr.dkr", "s3")),
    ]


def endpoint(service: str, **given: Any) -> Any:
    held = {
        "id": f"vpce-{service}",
        "vpcId": "vpc-1",
        "serviceName": f"com.amazonaws.eu-west-1.{service}",
        "policy": text(OWN),
    }
    return resource("ec2/vpcEndpoint:VpcEndpoint", service, changed(held, **given))


HOSTS = pytest.mark.parametrize("host", [on_ecs, on_lambda, on_eks])


@HOSTS
def test_a_network_with_endpoints_for_what_its_agents_call_passes(host: Any) -> None:
    reached = [endpoint("sqs"), endpoint("kms"), endpoint("dynamodb")]
    assert passes("C43", *host(may("sqs:SendMessage", "kms:Decrypt", "dynamodb:GetItem")), *reached)
    assert passes("C43", *host(may("ecs:DescribeServices")))
    assert passes("C43", *host(may("sqs:SendMessage")), endpoint("sqs-fips"))


@HOSTS
def test_a_network_without_one_of_them_fails_once(host: Any) -> None:
    (told,) = fails("C43", *host(may("sqs:SendMessage", "kms:Decrypt")), endpoint("kms"))
    assert "sqs by" in told
    assert fails("C43", *host(may("sqs:SendMessage")), endpoint("sqs", vpcId="vpc-2"))
    assert fails("C43", *host(may("SQS:*")))


def test_what_a_task_is_started_with_counts() -> None:
    (told,) = fails(
        "C43",
        *on_ecs(
            may("ecs:DescribeServices"),
            image=IMAGE,
            logConfiguration={"logDriver": "awslogs"},
            secrets=[{"name": "KEY", "valueFrom": "arn:aws:secretsmanager:eu-west-1:1:secret:key"}],
        ),
    )
    assert "s3, ecr.api, ecr.dkr, logs, secretsmanager by" in told


def test_networks_without_agents_and_what_is_unknown() -> None:
    assert passes("C43", vpc(), SUBNET)
    calls = on_lambda(may("sqs:SendMessage"))
    assert passes("C43", *calls[:2], role(may("sqs:SendMessage"), tags={}))
    assert passes("C43", *calls[1:])
    assert unchecked("C43", *on_lambda(UNKNOWN)) == ["inlinePolicies[0].policy"]
    assert unchecked("C43", *calls, endpoint("sqs", serviceName=UNKNOWN)) == ["serviceName"]
    assert unchecked("C43", *calls, endpoint("sqs", vpcId=UNKNOWN)) == ["vpcId"]


@pytest.mark.parametrize("call", ["bedrock:InvokeModel", "bedrock:*", "bedrock:Converse", "*"])
def test_a_model_is_reached_by_an_endpoint(call: str) -> None:
    calls = on_lambda(may(call, on=MODEL))
    assert len(fails("AG18c", *calls)) == 1
    assert passes("AG18c", *calls, endpoint("bedrock-runtime"))
    assert passes("AG18c", *on_lambda(may("sqs:SendMessage")))
    assert unchecked("AG18c", *calls, endpoint("bedrock-runtime", vpcId=UNKNOWN)) == ["vpcId"]


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        (text(OWN), 0),
        ({"Statement": OWN}, 0),
        (text({**OWN, "Condition": {}, "Resource": "arn:aws:sqs:eu-west-1:1:work"}), 0),
        (text({**OWN, "Condition": {}, "Principal": {"AWS": "123456789012"}}), 0),
        (text({**OWN, "Condition": {}}), 1),
        (text({**OWN, "Condition": {}, "Principal": {"AWS": ["*"]}, "Resource": ["*"]}), 1),
        (ABSENT, 1),
        (None, 1),
        ("", 1),
        ("{", 1),
    ],
)
def test_an_endpoint_carries_what_is_named(policy: Any, expected: int) -> None:
    assert len(fails("C43b", *on_lambda(may("sqs:*")), endpoint("sqs", policy=policy))) == expected
    assert passes("C43b", vpc(), SUBNET, endpoint("sqs", policy=policy))
    assert passes("C43b", *on_lambda(may("sqs:*")), endpoint("eks-auth", policy=policy))


def test_a_policy_of_its_own_counts_for_the_endpoint() -> None:
    held = {"vpcEndpointId": "vpce-sqs", "policy": text(OWN)}
    apart = resource("ec2/vpcEndpointPolicy:VpcEndpointPolicy", "apart", held)
    assert passes("C43b", *on_lambda(may("sqs:*")), endpoint("sqs", policy=ABSENT), apart)
    assert unchecked("C43b", *on_lambda(may("sqs:*")), endpoint("sqs", policy=UNKNOWN)) == ["policy"]


OPEN = {"protocol": "tcp", "fromPort": 443, "toPort": 443, "cidrBlocks": ["0.0.0.0/0"]}


def group(*out: Any, **given: Any) -> Any:
    return resource("ec2/securityGroup:SecurityGroup", "g", {"id": "sg-1", "egress": [*out], **given})


@pytest.mark.parametrize("host", [on_ecs, on_lambda])
def test_a_group_that_an_agent_is_in_is_an_agents(host: Any) -> None:
    assert len(fails("AG18", *host(may("sqs:*")), group(OPEN))) == 1
    assert passes("AG18", *host(may("sqs:*")), group(OPEN, id="sg-2"))
    assert passes("AG18", *on_eks(may("sqs:*")), group(OPEN))
    assert passes("AG18", *host(may("sqs:*")), group({**OPEN, "cidrBlocks": ["203.0.113.0/24"]}))


@pytest.mark.parametrize(
    "broken",
    [
        {"protocol": "-1", "fromPort": 0, "toPort": 0},
        {"protocol": "all"},
        {"fromPort": 0, "toPort": 65_535},
        {"fromPort": 1, "toPort": 65_535},
        {"protocol": -1},
    ],
)
def test_an_agents_group_that_opens_every_port_fails(broken: dict[str, Any]) -> None:
    assert len(fails("C42c", group({**OPEN, **broken}, tags=AGENT))) == 1
    held = {"type": "egress", "securityGroupId": "sg-1", **OPEN, **broken}
    assert (
        len(fails("C42c", group(tags=AGENT), resource("ec2/securityGroupRule:SecurityGroupRule", "r", held)))
        == 1
    )


def test_one_port_to_everywhere_is_another_rules_and_the_new_kind_of_rule_counts() -> None:
    assert passes("C42c", group(OPEN, tags=AGENT))
    assert passes("C42c", group({**OPEN, "protocol": "-1"}))
    kind = "vpc/securityGroupEgressRule:SecurityGroupEgressRule"
    held = {"securityGroupId": "sg-1", "cidrIpv6": "::/0", "ipProtocol": "-1"}
    assert len(fails("C42c", group(tags=AGENT), resource(kind, "r", held))) == 1
    assert passes(
        "C42c", group(tags=AGENT), resource(kind, "r", {**held, "ipProtocol": "tcp", "fromPort": 443})
    )


@pytest.mark.parametrize("block", ["0.0.0.0/0", "0.0.0.0/1"])
def test_the_default_group_is_judged_for_what_comes_in(block: str) -> None:
    kind = "ec2/defaultSecurityGroup:DefaultSecurityGroup"
    assert passes("C42", resource(kind, "d", {}))
    assert len(fails("C42", resource(kind, "d", {"ingress": [{"cidrBlocks": [block]}]}))) == 1


def test_rules_say_what_they_are_for() -> None:
    described = {**OPEN, "description": "HTTPS"}
    assert passes("C42b", group(described, ingress=[described]))
    for silent in ({}, {"description": ""}, {"description": None}):
        assert len(fails("C42b", group({**OPEN, **silent}))) == 1
        assert len(fails("C42b", group(ingress=[{**OPEN, **silent}]))) == 1
        kind = "vpc/securityGroupIngressRule:SecurityGroupIngressRule"
        assert len(fails("C42b", resource(kind, "r", {"cidrIpv4": "10.0.0.0/8", **silent}))) == 1
    assert unchecked("C42b", group(egress=UNKNOWN)) == ["egress"]


def flows(**given: Any) -> Any:
    return resource(
        "ec2/flowLog:FlowLog", "flows", changed({"vpcId": "vpc-1", "trafficType": "ALL"}, **given)
    )


def default(made_from: Any = None, **given: Any) -> Any:
    held = changed({"id": "sg-d", "vpcId": "vpc-1"}, **given)
    return resource("ec2/defaultSecurityGroup:DefaultSecurityGroup", "default", held, made_from)


@pytest.mark.parametrize("kind", ["ec2/vpc:Vpc", "ec2/defaultVpc:DefaultVpc"])
def test_a_network_with_flow_logs_and_a_closed_default_group_passes(kind: str) -> None:
    network = resource(kind, "vpc", {"id": "vpc-1"})
    for traffic in ("ALL", "REJECT", ABSENT):
        assert passes("C41", network, flows(trafficType=traffic))
    for rules in (ABSENT, None, []):
        assert passes("C41b", network, default(ingress=rules, egress=rules))
    assert len(fails("C41", network)) == 1
    assert len(fails("C41b", network)) == 1


def test_a_network_that_forgets_who_was_refused_fails() -> None:
    assert len(fails("C41", vpc(), flows(trafficType="ACCEPT"))) == 1
    assert len(fails("C41", vpc(), flows(vpcId="vpc-2"))) == 1
    assert unchecked("C41", vpc(), flows(vpcId=UNKNOWN)) == ["vpcId"]
    assert unchecked("C41", vpc(), flows(trafficType=UNKNOWN)) == ["trafficType"]


@pytest.mark.parametrize("key", ["ingress", "egress"])
@pytest.mark.parametrize("rules", [[{"self": True}], {"self": True}, [OPEN]])
def test_a_default_group_with_a_rule_fails(key: str, rules: Any) -> None:
    assert len(fails("C41b", vpc(), default(**{key: rules}))) == 1
    assert unchecked("C41b", vpc(), default(**{key: UNKNOWN})) == [key]


def test_rules_apart_open_the_default_group_too() -> None:
    for kind in (
        "ec2/securityGroupRule:SecurityGroupRule",
        "vpc/securityGroupEgressRule:SecurityGroupEgressRule",
        "vpc/securityGroupIngressRule:SecurityGroupIngressRule",
    ):
        assert len(fails("C41b", vpc(), default(), resource(kind, "r", {"securityGroupId": "sg-d"}))) == 1


def test_before_the_deployment_networks_are_joined_by_what_they_were_made_from() -> None:
    made_from = {"vpcId": ("vpc",)}
    fresh = resource("ec2/vpc:Vpc", "vpc", {"id": UNKNOWN})
    assert passes("C41b", fresh, default(made_from, vpcId=UNKNOWN))
    assert unchecked("C41b", fresh, default(vpcId=UNKNOWN)) == ["vpcId"]


@pytest.mark.parametrize(
    ("kind", "said", "expected"),
    [
        ("ec2/subnet:Subnet", ABSENT, 0),
        ("ec2/subnet:Subnet", "false", 0),
        ("ec2/subnet:Subnet", True, 1),
        ("ec2/subnet:Subnet", "yes", 1),
        ("ec2/defaultSubnet:DefaultSubnet", ABSENT, 1),
        ("ec2/defaultSubnet:DefaultSubnet", False, 0),
    ],
)
def test_a_subnet_that_gives_public_addresses_fails(kind: str, said: Any, expected: int) -> None:
    assert len(fails("C41c", resource(kind, "s", changed({}, mapPublicIpOnLaunch=said)))) == expected
    assert unchecked("C41c", resource(kind, "s", {"mapPublicIpOnLaunch": UNKNOWN})) == ["mapPublicIpOnLaunch"]


@pytest.mark.parametrize("condition", [{"StringEquals": {}}, {"StringLike": {"aws:PrincipalAccount": "*"}}])
def test_a_condition_on_nothing_bounds_no_endpoint(condition: dict[str, Any]) -> None:
    policy = text({**OWN, "Condition": condition})
    assert len(fails("C43b", *on_lambda(may("sqs:*")), endpoint("sqs", policy=policy))) == 1


def test_an_endpoint_of_agents_answers_by_the_services_name() -> None:
    agents = on_lambda(may("sqs:*"))

    def named(service: str = "sqs", **given: Any) -> Any:
        return endpoint(service, **{"vpcEndpointType": "Interface", "privateDnsEnabled": True, **given})

    assert passes("C43c", *agents, named())
    assert passes("C43c", *agents, named(privateDnsEnabled="true"))
    assert unchecked("C43c", *agents, named(privateDnsEnabled=UNKNOWN)) == ["privateDnsEnabled"]
    zone = resource("route53/zone:Zone", "zone", {"vpcs": [{"vpcId": "vpc-1"}]})
    for off in (False, None, ABSENT, "false"):
        assert len(fails("C43c", *agents, named(privateDnsEnabled=off))) == 1
        assert unchecked("C43c", *agents, named(privateDnsEnabled=off), zone) == ["privateDnsEnabled"]
        assert passes("C43c", vpc(), SUBNET, named(privateDnsEnabled=off)), "no agents"
        assert passes("C43c", *agents, named("s3", privateDnsEnabled=off))
        assert passes("C43c", *agents, named(privateDnsEnabled=off, vpcEndpointType="Gateway"))
        theirs = "com.amazonaws.vpce.eu-west-1.vpce-svc-0a1b2c3"
        assert passes("C43c", *agents, named(privateDnsEnabled=off, serviceName=theirs))
