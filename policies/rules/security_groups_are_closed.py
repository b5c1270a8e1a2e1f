"""C42: nothing on the internet reaches a security group, and each group says what it is for."""

from collections.abc import Iterable

from ..framework.outcomes import Fail, Severity
from ..framework.resource import Resource
from ..framework.rule import ResourceRule, types
from ..framework.values import View
from ._networks import open_rule

_SAYS_NOTHING = ("", "Managed by Pulumi", "Managed by Terraform")
_DEFAULT_GROUP = "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup"


def check(held: Resource) -> Iterable[Fail]:
    """Answers for rules in a group, for legacy rules and for those of one direction each."""
    kind = held.type.rpartition(":")[2]
    if kind == "SecurityGroupRule":
        if held.view.text("type") == "ingress":
            yield from _judged(held.view, "cidrBlocks", "ipv6CidrBlocks")
    elif kind == "SecurityGroupIngressRule":
        yield from _judged(held.view, "cidrIpv4", "cidrIpv6")
    else:
        for rule in held.view.views("ingress"):
            yield from _judged(rule, "cidrBlocks", "ipv6CidrBlocks")
        if (
            held.type != _DEFAULT_GROUP  # which has AWS's own description for good
            and held.view.text("description", "Managed by Pulumi") in _SAYS_NOTHING
        ):
            yield Fail("nobody said what it is for.", "description")


def _judged(rule: View, *keys: str) -> Iterable[Fail]:
    if path := open_rule(rule, *keys):
        yield Fail("the whole internet may come in.", path)


RULE = ResourceRule(
    id="C42",
    name="security-groups-are-closed",
    title="Security groups let nothing in from everywhere and have a description",
    why="Agents are called through a front door that knows its callers.",
    remediation="Name groups, prefix lists or address ranges, and set a description.",
    severity=Severity.HIGH,
    types=types(
        "ec2/defaultSecurityGroup:DefaultSecurityGroup",
        "ec2/securityGroup:SecurityGroup",
        "ec2/securityGroupRule:SecurityGroupRule",
        "vpc/securityGroupIngressRule:SecurityGroupIngressRule",
    ),
    external={
        "Checkov": ("CKV_AWS_23", "CKV_AWS_24", "CKV_AWS_25", "CKV_AWS_260"),
        "Security Hub": ("EC2.13", "EC2.14", "EC2.18", "EC2.19"),
        "cdk-nag": ("AwsSolutions-EC23", "AwsSolutions-EC27"),
    },
    sources=("https://docs.aws.amazon.com/vpc/latest/userguide/security-group-rules.html",),
    check=check,
)
