"""C41b: the security group that AWS makes with each network lets nothing through."""

from collections.abc import Iterable

from ..framework.index import StackIndex
from ..framework.outcomes import Fail, Severity
from ..framework.resource import Resource
from ..framework.rule import StackRule, types
from ._joins import adding
from ._networks import LEGACY_RULE

_DEFAULT = "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup"
_APART = (
    LEGACY_RULE,
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule",
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
)


def check(vpc: Resource, stack: StackIndex) -> Iterable[Fail]:
    """By default it lets its members speak with each other and send everywhere; the resource takes away what
    it does not name.
    """
    groups = adding(vpc, stack, _DEFAULT, by="vpcId")
    if not groups:
        yield Fail("its default group lets members in, and everything out.")
    for group in groups:
        for key in ("ingress", "egress"):
            if group.view.items(key):
                yield Fail("the default group lets something through.", key, group.urn)
        for rule in stack.referring(group, *_APART, by=("securityGroupId",)):
            yield Fail("the default group lets something through.", "securityGroupId", rule.urn)


RULE = StackRule(
    id="C41b",
    name="default-groups-are-closed",
    title="Default security groups let nothing through",
    why="Whatever is made without a group is in this one, and trusts all others that were forgotten.",
    remediation="Make a DefaultSecurityGroup of the network without rules; AgentNetwork does.",
    severity=Severity.MEDIUM,
    types=types("ec2/vpc:Vpc", "ec2/defaultVpc:DefaultVpc"),
    external={
        "Checkov": ("CKV2_AWS_12",),
        "Security Hub": ("EC2.2",),
        "cdk-nag": ("VPCDefaultSecurityGroupClosed",),
    },
    sources=("https://docs.aws.amazon.com/vpc/latest/userguide/default-security-group.html",),
    check=check,
)
