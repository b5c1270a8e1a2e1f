"""Where agents run in networks of this stack, as whom, and what is open there."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ..framework.documents import Statement
from ..framework.index import StackIndex
from ..framework.resource import Resource
from ..framework.values import Malformed, NotKnown, View
from ._agents import SERVICE
from ._cidrs import everywhere
from ._containers import TASK, containers
from ._functions import FUNCTION
from ._roles import ROLE, is_agents, policies_of

VPC, SUBNET, GROUP = "aws:ec2/vpc:Vpc", "aws:ec2/subnet:Subnet", "aws:ec2/securityGroup:SecurityGroup"
ENDPOINT = "aws:ec2/vpcEndpoint:VpcEndpoint"
LEGACY_RULE = "aws:ec2/securityGroupRule:SecurityGroupRule"
_EGRESS = "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule"
_CLUSTER, _POD = "aws:eks/cluster:Cluster", "aws:eks/podIdentityAssociation:PodIdentityAssociation"
_IMAGES = ("ecr.api", "ecr.dkr", "s3")
"""Layers of images lie in S3: https://docs.aws.amazon.com/AmazonECR/latest/userguide/vpc-endpoints.html"""


@dataclass(frozen=True)
class Placement:
    """An agent's runtime, what says where it runs, and the roles that it has."""

    runtime: Resource
    placed_by: Resource
    network: str
    """Property of `placed_by` that names subnets and groups."""
    roles: tuple[Resource, ...]
    tasks: tuple[Resource, ...] = ()


def open_rule(rule: View, *keys: str) -> str:
    """The path of the addresses by which a rule takes in everywhere; "" where it does not."""
    for key in keys:
        if everywhere(rule.texts(key)):
            return rule.at(key)
    return ""


def open_ways_out(group: Resource, stack: StackIndex) -> Iterator[tuple[View, str, str]]:
    """Rules, in the group or apart, that let it send everywhere: rule, path and the holder's URN.

    A group that says nothing of egress has none: the provider takes AWS's own rule for everything away.
    """
    for rule in group.view.views("egress"):
        if open_rule(rule, "cidrBlocks", "ipv6CidrBlocks"):
            yield rule, rule.path, group.urn
    for rule in stack.referring(group, LEGACY_RULE, by=("securityGroupId",)):
        if rule.view.text("type") == "egress" and (
            path := open_rule(rule.view, "cidrBlocks", "ipv6CidrBlocks")
        ):
            yield rule.view, path, rule.urn
    for rule in stack.referring(group, _EGRESS, by=("securityGroupId",)):
        if path := open_rule(rule.view, "cidrIpv4", "cidrIpv6"):
            yield rule.view, path, rule.urn


def is_of_agents(group: Resource, stack: StackIndex) -> bool:
    """Whether the group has the tag `agent`, or an agent's runtime is in it."""
    return is_agents(group) or group.urn in stack.once(_groups)


def _groups(stack: StackIndex) -> frozenset[str]:
    return frozenset(
        group.urn
        for placement in stack.once(placements)
        if placement.placed_by.type != _CLUSTER  # groups of the control plane, where no pod is
        for group in stack.referred(placement.placed_by, placement.network, GROUP)
    )


def placements(stack: StackIndex) -> tuple[Placement, ...]:
    """Runtimes of agents that run in a network. Whose tags are unknown is told where it is judged itself."""
    found: list[Placement] = []
    for service in stack.of(SERVICE):
        if _agents(service):
            tasks = tuple(stack.referred(service, "taskDefinition", TASK))
            roles = [
                r
                for t in tasks
                for k in ("taskRoleArn", "executionRoleArn")
                for r in stack.referred(t, k, ROLE)
            ]
            found.append(Placement(service, service, "networkConfiguration", tuple(roles), tasks))
    for function in stack.of(FUNCTION):
        if _agents(function) and function.props.get("vpcConfig"):
            found.append(
                Placement(function, function, "vpcConfig", tuple(stack.referred(function, "role", ROLE)))
            )
    for pod in stack.of(_POD):
        roles = [role for role in stack.referred(pod, "roleArn", ROLE) if _agents(role)]
        for cluster in stack.referred(pod, "clusterName", _CLUSTER) if roles else ():
            found.append(Placement(pod, cluster, "vpcConfig", tuple(roles)))
    return tuple(found)


def _agents(resource: Resource) -> bool:
    try:
        return is_agents(resource)
    except (NotKnown, Malformed):
        return False


def placed_in(vpc: Resource, stack: StackIndex) -> list[Placement]:
    """Runtimes of agents in the network."""
    return stack.once(_by_vpc).get(vpc.urn, [])


def _by_vpc(stack: StackIndex) -> dict[str, list[Placement]]:
    found: dict[str, list[Placement]] = {}
    for placement in stack.once(placements):
        subnets = stack.referred(placement.placed_by, placement.network, SUBNET)
        for urn in {vpc.urn for subnet in subnets for vpc in stack.referred(subnet, "vpcId", VPC)}:
            found.setdefault(urn, []).append(placement)
    return found


def endpoints_of(vpc: Resource, stack: StackIndex) -> dict[str, Resource]:
    """Endpoints in the network by service, written as in `ecr.api`; those that programs come by. To an
    interface without private names, which are off by default, nothing leads that asks for the service."""
    found: dict[str, Resource] = {}
    for endpoint in stack.referring(vpc, ENDPOINT, by=("vpcId",)):
        if endpoint.view.text("vpcEndpointType", "Gateway") == "Interface" and not endpoint.view.flag(
            "privateDnsEnabled", False
        ):
            continue
        # com.amazonaws.eu-west-1.ecr.api
        found[endpoint.view.text("serviceName").split(".", 3)[-1].removesuffix("-fips")] = endpoint
    return found


def services_called(placement: Placement, stack: StackIndex) -> set[str]:
    """Services, as endpoints call them, that the runtime is allowed to call or is started with."""
    called = {
        action.partition(":")[0].lower()
        for statement in allowed(placement, stack)
        for action in statement.actions
        if action != "*"
    }
    if placement.placed_by.type == _CLUSTER:
        called |= {*_IMAGES}
    for container in (container for task in placement.tasks for container in containers(task)):
        if ".dkr.ecr." in container.text("image"):
            called |= {*_IMAGES}
        if container.view("logConfiguration").text("logDriver") == "awslogs":
            called.add("logs")
        if any(":secretsmanager:" in one.text("valueFrom") for one in container.views("secrets")):
            called.add("secretsmanager")
    return called


def allowed(placement: Placement, stack: StackIndex) -> Iterable[Statement]:
    """What the runtime's roles are allowed."""
    return (s for role in placement.roles for s, _ in policies_of(role, stack) if s.allows)
